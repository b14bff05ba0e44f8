#!/usr/bin/env bash
# XFRMA_SET_MARK, `ip xfrm state add ... output-mark`: sealed packets of the SA have that mark, so that `ip rule
# fwmark` sends them another way and nftables sees it, raw, in UDP and beside --wire fast; nobody else's packets with
# that mark get past a tunnel; what is asked for the path's MTU has the mark too.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
#               \==== alt0 ====/                   only by fwmark 7: table 100 of gwA
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin output-mark
offices_up
offices_keys
veth gwA alt0 gwB alt0
addr gwA alt0 198.51.100.1/24 2001:db8:1::1/64
addr gwB alt0 198.51.100.2/24 2001:db8:1::2/64
on gwB sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.alt0.rp_filter=0
for family in -4 -6; do ip -n "${LAB}gwA" "$family" rule add pref 1000 fwmark 7 lookup 100; done
ip -n "${LAB}gwA" route add 192.0.2.2 via 198.51.100.2 dev alt0 table 100
ip -n "${LAB}gwA" -6 route add 2001:db8::2 via 2001:db8:1::2 dev alt0 table 100

# What goes out by which device with which mark, and anything in clear between the gateways.
on gwA nft -f - <<'NFT'
table inet witness {
    counter own { }
    counter seven { }
    counter eight { }
    counter pub { }
    counter alt { }
    counter clear { }
    chain output {
        type filter hook output priority 0;
        meta l4proto { esp, udp } meta mark 0x219 counter name own
        meta l4proto { esp, udp } meta mark 7 counter name seven
        meta l4proto { esp, udp } meta mark 8 counter name eight
    }
    chain postrouting {
        type filter hook postrouting priority 0;
        oifname "pub0" meta l4proto { esp, udp } counter name pub
        oifname "alt0" meta l4proto { esp, udp } counter name alt
        oifname { "pub0", "alt0" } icmp type echo-request counter name clear
    }
}
NFT
counters() { on gwA nft -j list counters table inet witness | jq -r '[.nftables[].counter | select(.packets > 0) | "\(.name)=\(.packets)"] | sort | join(" ")'; }

# one_goes COUNTERS COMMAND...: it makes these and no others be counted.
one_goes() {
    local wanted=$1
    shift
    on gwA nft reset counters table inet witness > /dev/null
    "$@"
    assert_eq "$(counters)" "$wanted" "what left gwA after: $*"
}

key() { awk -v spi="$1" '$5 == spi {sub(";", "", $NF); print $NF}' "$WORK/sas.conf"; }
out4=(src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1004)
gcm4=(mode tunnel replay-window 64 aead 'rfc4106(gcm(aes))' "$(key 0x1004)" 128)
in4=(src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x2004)
back4=(mode tunnel replay-window 64 aead 'rfc4106(gcm(aes))' "$(key 0x2004)" 128)
out6=(src 2001:db8::1 dst 2001:db8::2 proto esp spi 0x1016)
gcm6=(mode tunnel aead 'rfc4106(gcm(aes))' "$(hex_key 20)" 128)
state() { ex gwA ip xfrm state "$@"; }
our_rules() { ip -n "${LAB}gwA" rule list | grep -E '^(215|220):.*(uidrange|nop)' | sed 's/\s\+/ /g' || true; }

gateway_start gwA
gateway_start gwB
offices_load A
offices_load B
# What the gateways say to each other of their own accord has been said.
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

say "without a mark: ours, by the main table"
one_goes 'own=1 pub=1' reaches hostA 10.2.0.2
one_goes 'own=1 pub=1' reaches hostA fd00:2::2
assert_eq "$(our_rules)" '' 'rules for marks nobody has'

say "output-mark 7: by table 100, in both families"
state delete dst 192.0.2.2 proto esp spi 0x1004
state add "${out4[@]}" "${gcm4[@]}" output-mark 7
one_goes 'alt=1 seven=1' reaches hostA 10.2.0.2
state add "${out6[@]}" "${gcm6[@]}" output-mark 7
ex gwB ip xfrm state add "${out6[@]}" "${gcm6[@]}"
one_goes 'alt=1 seven=1' reaches hostA fd00:2::2
assert_match "$(state get dst 192.0.2.2 proto esp spi 0x1004)" 'output-mark 0x7/0xffffffff'
uid=$(stat -c %u "$(state_of gwA)")
assert_eq "$(our_rules)" "215: from all fwmark 0x7 iif lo uidrange $uid-$uid goto 220 proto 219
220: from all nop proto 219" 'rules for mark 7'

say "an update may change the mark, one without a mark leaves it; a mask says which bits are set"
state update "${out4[@]}" "${gcm4[@]}" output-mark 8
one_goes 'eight=1 pub=1' reaches hostA 10.2.0.2
state update "${out4[@]}" "${gcm4[@]}"
one_goes 'eight=1 pub=1' reaches hostA 10.2.0.2
state update "${out4[@]}" "${gcm4[@]}" output-mark 0xff07 mask 0xff
one_goes 'alt=1 seven=1' reaches hostA 10.2.0.2
assert_match "$(state get dst 192.0.2.2 proto esp spi 0x1004)" 'output-mark 0xff07/0xff'
assert_eq "$(our_rules | grep -c goto)" 1 'rules for the marks there are'

say "an inbound SA: refused, and said why"
refused state add "${in4[@]/0x2004/0x2005}" "${back4[@]}" output-mark 7
assert_match "$SAID" 'TUN'
refused state update "${in4[@]}" "${back4[@]}" output-mark 7
assert_match "$SAID" 'TUN'

say "a policy that covers the peer: what was sealed is not sealed again, and nobody else gets out by the mark"
ends=(tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel)
ex gwA ip xfrm policy add src 0.0.0.0/0 dst 192.0.2.2/32 dir out "${ends[@]}"
ex gwB ip xfrm policy add src 0.0.0.0/0 dst 192.0.2.2/32 dir in "${ends[@]}"
one_goes 'alt=1 seven=1' reaches hostA 10.2.0.2
before=$(sa_bytes gwA 0x1004)
one_goes 'alt=1 seven=1' reaches gwA 192.0.2.2 -m 7 -I 192.0.2.1
assert_eq "$(sa_bytes gwA 0x1004)" "$((${before% *} + 1)) $((${before#* } + 84))" 'sealed of a ping with the mark'

say "the MTU of the way with the mark"
outer_mtu() { status_json gwA | jq -r '[.tunnels[] | select(.spi == 4100) | .outer_mtu] | unique | join(" ")'; }
mtu_is() { [[ $(outer_mtu) == "$1" ]]; }
wait_for 5 mtu_is 1500
ip -n "${LAB}gwA" link set alt0 mtu 1300
wait_for 5 mtu_is 1300
ip -n "${LAB}gwA" link set alt0 mtu 1500
wait_for 5 mtu_is 1500

# in_udp: both gateways' SAs, gwA's outbound one with the mark, in UDP.
in_udp() {
    local gw
    for gw in gwA gwB; do
        ex "$gw" ip xfrm state delete dst 192.0.2.2 proto esp spi 0x1004
        ex "$gw" ip xfrm state delete dst 192.0.2.1 proto esp spi 0x2004
    done
    state add "${out4[@]}" "${gcm4[@]}" encap espinudp 4500 4500 0.0.0.0 output-mark 7
    state add "${in4[@]}" "${back4[@]}" encap espinudp 4500 4500 0.0.0.0
    ex gwB ip xfrm state add "${out4[@]}" "${gcm4[@]}" encap espinudp 4500 4500 0.0.0.0
    ex gwB ip xfrm state add "${in4[@]}" "${back4[@]}" encap espinudp 4500 4500 0.0.0.0
}

say "in UDP, by a port of cygnetd's"
in_udp
one_goes 'alt=1 seven=1' reaches hostA 10.2.0.2
assert_eq "$(on gwA ss -Hlun 'sport = :4500' | wc -l)" 1 'sockets of the port'

say "in UDP, by a port another process has"
ex gwA ip xfrm state flush # and with it the port
background gwA holder "$PYTHON" -c 'import socket, time
sockets = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for s in sockets: s.bind(("", 4500))
print("holds", flush=True)
time.sleep(1000)'
wait_for 5 grep -q holds "$WORK/holder.log"
ex gwB ip xfrm state flush
for gw in gwA gwB; do
    ex "$gw" ip xfrm state add "${out4[@]}" "${gcm4[@]}"
    ex "$gw" ip xfrm state add "${in4[@]}" "${back4[@]}"
done
in_udp
one_goes 'alt=1 seven=1' reaches hostA 10.2.0.2

say "the last SA goes, and with it the rules; a restart leaves none"
ex gwA ip xfrm state flush
assert_eq "$(our_rules)" '' 'rules for marks nobody has any more'
state add "${out4[@]}" "${gcm4[@]}" output-mark 7
gateway_kill gwA
assert_eq "$(our_rules | wc -l)" 2 'rules after a kill'

say "beside --wire fast: what has a mark goes by socket, since rules shall see it"
gateway_start gwA --wire fast
assert_eq "$(our_rules)" '' 'rules of the one before'
ex gwB ip xfrm state flush
sed 's/0x1004/0x1007/; s/0x2004/0x2007/' "$WORK/sas.conf" > "$WORK/sas.new"
mv "$WORK/sas.new" "$WORK/sas.conf"
offices_load A
offices_load B
wire_is() { [[ $(status_json gwA | jq -r .wire) == "$1" ]]; }
wait_for 5 on hostA ping -q -n -c 1 -W 1 10.2.0.2
wait_for 5 wire_is 'AF_XDP to 1 of 1 peers'
one_goes '' reaches hostA 10.2.0.2
state delete dst 192.0.2.2 proto esp spi 0x1007
state add "${out4[@]/0x1004/0x1007}" mode tunnel aead 'rfc4106(gcm(aes))' "$(key 0x1007)" 128 output-mark 7
one_goes 'alt=1 seven=1' reaches hostA 10.2.0.2
gateway_stop gwA
for family in -4 -6; do assert_eq "$(ip -n "${LAB}gwA" "$family" rule list | grep 'proto 219' || true)" '' 'rules after the end'; done
echo "output-mark: all is as it should be"
