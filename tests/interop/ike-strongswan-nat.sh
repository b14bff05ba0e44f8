#!/usr/bin/env bash
# IKEv2 with Debian's strongSwan on a real kernel, through a NAT (nftables masquerade): one end behind it, then
# the other. ESP in UDP on port 4500, new keys of both kinds by both ends, and the NAT's port for 4500 changes:
# the end outside follows within half a second.
#
#   hostA --- gw ======= nat ====== TAP ====== Linux as a process (user-mode-linux)
#  10.1.0.2  192.0.2.1   .254      .254        198.51.100.2: charon, its kernel's XFRM   lan 10.2.0.2
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
# shellcheck source=tests/lib/guest_charon.sh
source "$LIB/guest_charon.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh
lab_begin ike-strongswan-nat
ns_add hostA gw nat
veth hostA eth0 gw lan
veth gw wan nat in0
addr hostA eth0 10.1.0.2/24
addr gw lan 10.1.0.1/24
addr gw wan 192.0.2.1/24
addr nat in0 192.0.2.254/24
ip -n "${LAB}hostA" route add default via 10.1.0.1
ip -n "${LAB}gw" route add default via 192.0.2.254
forwarding_on gw nat

say "boot the kernel"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}nat" --near 198.51.100.254/24 --far 198.51.100.2/24 --protected 10.2.0.2/32
in_guest ip route add default via 198.51.100.254
guest_modules
show_guest() { if ((status != 0)); then show_guest_charon; in_guest ip xfrm state | grep -v ' 0x'; fi; }
at_end show_guest

ours() { site_conf 192.0.2.1 "$1" gw.example.org moon.example.org 10.1.0.0/24 10.2.0.0/24 | iked_conf gw; }
theirs() { site_conf 198.51.100.2 "$1" moon.example.org gw.example.org 10.2.0.0/24 10.1.0.0/24 | guest_charon; } # REMOTE
# map DEVICE PORT: who leaves by it is behind the NAT, where 4500 is that port; what was before is forgotten.
map() {
    on nat nft -f - <<NFT
table ip nat
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname $1 udp sport 4500 masquerade to :$2
    oifname $1 masquerade
  }
}
NFT
    on nat "$PYTHON" "$LIB/conntrack_flush.py"
}
traffic() {
    reaches hostA 10.2.0.2 -s 1000
    in_guest ping -q -n -c 1 -W 2 -I 10.2.0.2 10.1.0.2 > /dev/null || fail "nothing from the kernel's side"
}
spi() { ike_field gw '.[0].children[0].spi_out'; }
ike_spi() { ike_field gw '.[0].spi_i'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }
ike_changed() { [[ $(ike_spi) != "$1" && $(ike_spi) =~ ^[0-9a-f]{16}$ ]]; }
rekey() { # WHAT COMMAND...
    local before what=$1
    shift
    before=$("$what")
    "$@" > /dev/null
    case $what in spi) wait_for 10 changed "$before" ;; *) wait_for 10 ike_changed "$before" ;; esac
    traffic
}
all_new_keys() {
    rekey spi ike gw rekey site/net
    rekey spi guest_swan --rekey --child net
    rekey ike_spi ike gw rekey site
    rekey ike_spi guest_swan --rekey --ike site
}
# ends LOCAL REMOTE NAT-HERE NAT-THERE, in UDP
ends() {
    ike_is gw '.[0] | [.local, .remote, .nat_here, .nat_there, .children[0].udp] | @text' "[\"$1\",\"$2\",$3,$4,true]"
}
# passes COMMAND...: of 20 pings within two seconds. The answers to the first go to the old port, until that
# is moved: at most half a second.
passes() {
    local lost
    "$@" > "$WORK/ping.log" || true
    lost=$(awk '/packets transmitted/ {print $1 - $4}' "$WORK/ping.log")
    echo "ok: $lost of 20 lost while the NAT's port changed"
    ((lost <= 5)) || fail "$lost pings lost: $(tail -n 3 "$WORK/ping.log")"
}
kernel_has() { in_guest ip xfrm state | grep -qE "encap type espinudp $1"; }

ours 198.51.100.2
gateway_start gw
iked_start gw

say "we are behind it: found, in UDP, new keys; then its port changes, and the kernel's side follows"
map kp0 20000
theirs 198.51.100.254
capture nat kp0 wire.pcap ip proto 50 or udp port 4500
ike gw up site > "$WORK/up.log" || fail "cygnet up: $(cat "$WORK/up.log")"
wait_for 10 ends '192.0.2.1[4500]' '198.51.100.2[4500]' true false
traffic
kernel_has 'sport 20000 dport 4500' || fail "not what the kernel has: $(in_guest ip xfrm state)"
all_new_keys
map kp0 30000
passes on hostA ping -q -n -c 20 -i 0.1 -W 1 10.2.0.2
kernel_moved() { kernel_has 'sport 4500 dport 30000'; }
wait_for 10 kernel_moved
traffic
rekey spi guest_swan --rekey --child net # IKE goes there, too
rekey ike_spi ike gw rekey site
ike gw down site
wait_for 10 ike_is gw length 0

say "strongSwan is behind it: the same, and we follow"
map in0 20000
ours %any
ike gw load "$WORK/gw.ike"
theirs 192.0.2.1
guest_swan --initiate --child net > "$WORK/up.log" 2>&1 || fail "swanctl: $(tail -n 5 "$WORK/up.log")"
wait_for 10 ends '192.0.2.1[4500]' '192.0.2.254[20000]' false true
traffic
all_new_keys
map in0 30000
passes in_guest ping -q -n -c 20 -i 0.1 -W 1 -I 10.2.0.2 10.1.0.2
wait_for 10 ends '192.0.2.1[4500]' '192.0.2.254[30000]' false true
ike_logged gw 'site: moved: the peer' || fail "the log does not say that the peer moved"
traffic
rekey spi ike gw rekey site/net
rekey ike_spi guest_swan --rekey --ike site
guest_swan --terminate --ike site > /dev/null
wait_for 10 ike_is gw length 0

say "nothing on the wire but UDP"
capture_end
assert_eq "$(on nat tcpdump -nr "$WORK/wire.pcap" ip proto 50 2> /dev/null | wc -l)" 0 'packets of protocol 50'
assert_ge "$(on nat tcpdump -nr "$WORK/wire.pcap" udp port 4500 2> /dev/null | wc -l)" 100 'packets of port 4500'
# What went to the old port the NAT's own host answers with "port unreachable": not acted on.
assert_match "$(verdicts gw)" '^(ICMP_OTHER=[0-9]+ )?IKE=[0-9]+$' 'verdicts'
iked_stop gw
gateway_stop gw
