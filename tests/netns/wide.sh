#!/usr/bin/env bash
# Everything through the tunnel: 0.0.0.0/0 and ::/0, with LANs behind both gateways that must stay
# reachable, both directions.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB, and "the world": 198.51.100.7 on hostB
#   10.1.0/24  all of 0/0 ------->
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin wide
offices_up
offices_keys
gateway_start gwA
gateway_start gwB
addr hostB lan 198.51.100.7/32 2001:db8:ffff::7/128
ip -n "${LAB}gwB" route add 198.51.100.0/24 via 10.2.0.2
ip -n "${LAB}gwB" -6 route add 2001:db8:ffff::/64 via fd00:2::2

all_reach() {
    reaches hostA 10.2.0.2
    reaches hostA fd00:2::2
    reaches hostB 10.1.0.2
    reaches hostB fd00:1::2
    # The LANs themselves, and the gateways from their own LANs, never saw the tunnel.
    local side number
    for side in A B; do
        number=1
        [[ $side == B ]] && number=2
        reaches "host$side" "10.$number.0.1"
        reaches "host$side" "fd00:$number::1"
        reaches "gw$side" "10.$number.0.2"
        reaches "gw$side" "fd00:$number::2"
    done
    # The public side: the gateways and a third host speak in clear beside the tunnel.
    reaches gwA 192.0.2.9
    reaches gwB 2001:db8::9
}

say "office A sends all it has through office B"
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 10.1.0.0/24 0.0.0.0/0 192.0.2.1 192.0.2.2
    policy_pair fd00:1::/64 ::/0 2001:db8::1 2001:db8::2
} | load gwA
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 0.0.0.0/0 10.1.0.0/24 192.0.2.2 192.0.2.1
    policy_pair ::/0 fd00:1::/64 2001:db8::2 2001:db8::1
} | load gwB
all_reach
reaches hostA 198.51.100.7
reaches hostA 2001:db8:ffff::7
capture pub br0 wide.pcap
reaches hostA 198.51.100.7
capture_end
on pub "$PYTHON" "$LIB/esp_witness.py" eavesdrop "$WORK/wide.pcap" "$WORK/sas.conf" 198.51.100.7
assert_eq "$(verdicts gwA)$(verdicts gwB)" '' 'verdicts'

say "0.0.0.0/0 and ::/0 as remote on both sides"
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 10.1.0.0/24 0.0.0.0/0 192.0.2.1 192.0.2.2
    policy_pair fd00:1::/64 ::/0 2001:db8::1 2001:db8::2
} | load gwA
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 10.2.0.0/24 0.0.0.0/0 192.0.2.2 192.0.2.1
    policy_pair fd00:2::/64 ::/0 2001:db8::2 2001:db8::1
} | load gwB
all_reach

say "a LAN that appears later is left alone too"
veth gwA late hostA late
addr gwA late 10.77.0.1/24 fd00:77::1/64
addr hostA late 10.77.0.2/24 fd00:77::2/64
# Its answers come by the same link: a LAN address from elsewhere is the spoof guard's.
ip -n "${LAB}hostA" route add 10.1.0.1/32 dev late
wait_for 5 on gwA ping -q -n -c 1 -W 1 -I 10.1.0.1 10.77.0.2
reaches gwA fd00:77::2
