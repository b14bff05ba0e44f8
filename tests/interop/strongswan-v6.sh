#!/usr/bin/env bash
# Two charons over IPv6, protocol 50 and in UDP, with IPv6 and IPv4 inside; and a tunnel for all addresses,
# which must not swallow its own IKE. Topology: tests/lib/strongswan.sh, and 2001:db8::1, ::2 on the wire.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
lab_begin strongswan-v6
swan_offices 0
addr gwA wan 2001:db8::1/64
addr gwB wan 2001:db8::2/64
addr officeA eth0 fd00:1::2/64
addr gwA lan fd00:1::1/64
addr gwB lan fd00:2::1/64
addr officeB eth0 fd00:2::2/64
ip -n "${LAB}officeA" -6 route add default via fd00:1::1
ip -n "${LAB}officeB" -6 route add default via fd00:2::1
gateway_start gwA
gateway_start gwB
# charon's own route for all addresses would lead what comes out of the tunnel back to the wire, with
# any kernel; cygnetd needs none of its routes.
charon_start gwA 'install_routes = no' 'retransmit_timeout = 0.5' 'retransmit_tries = 2'
charon_start gwB 'install_routes = no'

load_both() { # OUTER-A OUTER-B SETTING "CHILD-OF-A" "CHILD-OF-B"..., in pairs
    local outer_a=$1 outer_b=$2 setting=$3 a=() b=()
    shift 3
    while (($#)); do
        a+=("$1")
        b+=("$2")
        shift 2
    done
    swan_connection "$outer_a" "$outer_b" "$setting" "${a[@]}" | swan_load gwA
    swan_connection "$outer_b" "$outer_a" "$setting" "${b[@]}" | swan_load gwB
}
up() { swan gwA --initiate --child "$1" > "$WORK/initiate.log" || fail "$1 did not come up: $(tail -n 5 "$WORK/initiate.log")"; }

for encap in no yes; do
    say "IPv6 outside, IPv6 and IPv4 inside, encap = $encap"
    load_both 2001:db8::1 2001:db8::2 "encap=$encap" \
        'six fd00:1::/64 fd00:2::/64 esp_proposals=aes256gcm16' 'six fd00:2::/64 fd00:1::/64 esp_proposals=aes256gcm16' \
        'four 10.1.0.0/24 10.2.0.0/24 esp_proposals=aes256-sha256-esn' 'four 10.2.0.0/24 10.1.0.0/24 esp_proposals=aes256-sha256-esn'
    up six
    up four
    reaches officeA fd00:2::2
    reaches officeB fd00:1::2
    reaches officeA 10.2.0.2
    reaches officeB 10.1.0.2
    assert_eq "$(swan gwA --list-sas | grep -c 'TUNNEL-in-UDP')" "$([[ $encap == yes ]] && echo 2 || echo 0)" "CHILD_SAs in UDP"
    swan gwA --terminate --ike site > /dev/null
done

say "a tunnel for all addresses: its IKE goes beside it"
load_both 192.0.2.1 192.0.2.2 encap=no 'all 10.1.0.0/24 0.0.0.0/0 esp_proposals=aes256gcm16' 'all 0.0.0.0/0 10.1.0.0/24 esp_proposals=aes256gcm16'
up all
reaches officeA 10.2.0.2
swan gwA --rekey --ike site > /dev/null
rekeyed() { charon_said gwA 'IKE_SA site\[[0-9]*\] rekeyed between'; }
wait_for 10 rekeyed
swan gwA --rekey --child all > /dev/null
reaches officeA 10.2.0.2
echo "charon over IPv6: all is as it should be"
