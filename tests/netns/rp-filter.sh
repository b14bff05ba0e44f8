#!/usr/bin/env bash
# Strict and loose reverse path filtering on the public side, with policies that cover the peer's
# own address: without its marks the kernel would throw the ESP away. And a clean stop puts back
# what was.
#
#   hostA --- gwA [rp_filter 0, 1, 2] ===[ pub ]=== [rp_filter 0, 1, 2] gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin rp-filter
offices_up
offices_keys

settings() { on "$1" sysctl net.ipv4.conf | grep -E 'rp_filter|src_valid_mark' | grep -v cyg0; }

for filter in 0 1 2; do
    for side in A B; do
        for device in all default pub0 lan; do on gw$side sysctl -qw net.ipv4.conf.$device.rp_filter=$filter; done
    done
    before=$(settings gwB)
    gateway_start gwA
    gateway_start gwB
    { echo 'flush; spdflush;'; cat "$WORK/sas.conf"; policy_pair 10.1.0.0/24 0.0.0.0/0 192.0.2.1 192.0.2.2; } | load gwA
    { echo 'flush; spdflush;'; cat "$WORK/sas.conf"; policy_pair 0.0.0.0/0 10.1.0.0/24 192.0.2.2 192.0.2.1; } | load gwB
    reaches hostA 10.2.0.2
    reaches hostB 10.1.0.2
    assert_eq "$(verdicts gwA)$(verdicts gwB)" '' "verdicts with rp_filter $filter"
    gateway_stop gwA
    gateway_stop gwB
    assert_eq "$(settings gwB)" "$before" "settings after a clean stop"
    echo "ok: rp_filter $filter"
done
