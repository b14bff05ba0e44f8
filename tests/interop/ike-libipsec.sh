#!/usr/bin/env bash
# IKEv2 with Debian's charon whose ESP is its own, too: kernel-libipsec, which speaks ESP in UDP only.
# Both roles, new keys by both; then cygnet-iked behind a NAT. No guest kernel is needed for it.
#
#   hostA --- gwA ------- nat =======[ 198.51.100.0/24 ]======= swan --- hostB
#  10.1.0.2  10.1.0.1     masquerades                     198.51.100.2  10.2.0.2
#            10.9.0.1     at the end
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
lab_begin ike-libipsec
ns_add hostA gwA nat swan hostB
veth hostA eth0 gwA lan
veth gwA wan nat in0
veth nat out0 swan wan
veth swan lan hostB eth0
addr hostA eth0 10.1.0.2/24
addr gwA lan 10.1.0.1/24
addr gwA wan 10.9.0.1/24
addr nat in0 10.9.0.254/24
addr nat out0 198.51.100.1/24
addr swan wan 198.51.100.2/24
addr swan lan 10.2.0.1/24
addr hostB eth0 10.2.0.2/24
ip -n "${LAB}hostA" route add default via 10.1.0.1
ip -n "${LAB}gwA" route add default via 10.9.0.254
ip -n "${LAB}hostB" route add default via 10.2.0.1
ip -n "${LAB}swan" route add 10.9.0.0/24 via 198.51.100.1
forwarding_on gwA nat swan

site_conf 10.9.0.1 198.51.100.2 gw.example.org moon.example.org 10.1.0.0/24 10.2.0.0/24 | iked_conf gwA
gateway_start gwA
iked_start gwA
charon_own_esp swan
site_conf 198.51.100.2 %any moon.example.org gw.example.org 10.2.0.0/24 10.1.0.0/24 |
    sed 's/%any/10.9.0.1, 198.51.100.1/' | swan_load swan

traffic() {
    wait_for 5 ike_is gwA '.[0].children | length' 1
    assert_eq "$(ike_field gwA '.[0].children[0].udp')" true 'ESP in UDP'
    reaches hostA 10.2.0.2 -s 1000
    reaches hostB 10.1.0.2
}
down() {
    ike gwA down site > /dev/null
    wait_for 5 ike_is gwA length 0
    wait_for 5 swan_has_none
}
# charon says that a NAT is before it, for ESP in UDP; whether one is before us is the truth.
nat_is() {
    assert_eq "$(ike_field gwA '.[0] | [.nat_here, .nat_there, .remote] | @text')" "[$1,true,\"198.51.100.2[4500]\"]" 'NAT here, NAT there'
}
swan_has_none() { [[ -z $(swan swan --list-sas) ]]; }
up() {
    case $1 in
        cygnet) ike gwA up site > "$WORK/up.log" 2>&1 || fail "cygnet up: $(cat "$WORK/up.log")" ;;
        strongSwan) swan swan --initiate --child net > "$WORK/up.log" 2>&1 || fail "swanctl: $(tail -n 5 "$WORK/up.log")" ;;
    esac
}
spi() { ike_field gwA '.[0].children[0].spi_out'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }

for role in cygnet strongSwan; do
    say "$role begins"
    up "$role"
    traffic
    down
done
say "new keys by both"
up cygnet
nat_is false
before=$(spi)
ike gwA rekey site/net
wait_for 5 changed "$before"
traffic
before=$(spi)
swan swan --rekey --child net > /dev/null
wait_for 5 changed "$before"
traffic
down

say "behind a NAT"
on nat nft -f - <<'NFT'
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname out0 masquerade random
  }
}
NFT
on nat "$PYTHON" "$LIB/conntrack_flush.py"
up cygnet
traffic
nat_is true
assert_match "$(swan swan --list-sas)" "remote 'gw.example.org' @ 198.51.100.1\[" 'whom charon sees'
before=$(spi)
swan swan --rekey --child net > /dev/null # IKE goes through the mapping, too
wait_for 5 changed "$before"
traffic
assert_match "$(verdicts gwA)" '^IKE=[0-9]+$' 'verdicts'
iked_stop gwA
gateway_stop gwA
