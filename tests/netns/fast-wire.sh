#!/usr/bin/env bash
# The fast raw sender: packets pass by the kernel's output path (a counter there is the witness), the
# wire sees right headers, and a peer that moves, a route that changes, an interface that goes down or
# cannot do it are followed, by raw socket where need be.
#
#   hostA --- gwA (--wire fast) ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin fast-wire
offices_up
offices_keys
gateway_start gwA --wire fast
gateway_start gwB --wire raw
offices_load A
offices_load B

on gwA nft -f - <<'NFT'
table inet witness {
    chain output {
        type filter hook output priority 0;
        meta l4proto esp counter
    }
}
NFT
by_socket() { on gwA nft -j list table inet witness | jq '[.nftables[].rule?.expr[]?.counter?.packets | numbers] | add'; }
wire() { status_json gwA | jq -r .wire; }
wire_is() { [[ $(wire) == "$1" ]]; }

# both NEAR FAR: how many of the ten packets to FAR went by a socket of the kernel's.
by_socket_of_ten() {
    local before after
    before=$(by_socket)
    on hostA ping -q -n -c 10 -i 0.02 -W 2 "$1" > /dev/null || fail "no ping to $1"
    after=$(by_socket)
    echo $((after - before))
}

say "nothing sent yet, then both families"
assert_eq "$(wire)" 'AF_XDP, or raw sockets: nothing sent yet'
reaches hostA 10.2.0.2
wait_for 5 wire_is 'AF_XDP to 1 of 1 peers'
reaches hostA fd00:2::2
wait_for 5 wire_is 'AF_XDP to 2 of 2 peers'

say "headers: tshark sees right checksums, DSCP, TTL; the kernel's output path sees nothing"
capture pub br0 wire.pcap 'esp and (src 192.0.2.1 or src 2001:db8::1)'
assert_eq "$(by_socket_of_ten 10.2.0.2)" 0 'IPv4 packets by socket'
assert_eq "$(by_socket_of_ten fd00:2::2)" 0 'IPv6 packets by socket'
on hostA ping -q -n -c 1 -Q 0xb8 10.2.0.2 > /dev/null
capture_end
fields() { tshark -r "$WORK/wire.pcap" -o ip.check_checksum:TRUE -T fields "$@" 2> "$WORK/tshark.log" | sort | uniq -c | awk '{$1 = $1; print}'; }
assert_eq "$(fields -Y ip -e ip.checksum.status -e ip.ttl -e ip.flags.df -e ip.dsfield -E separator=' ')" \
    $'10 1 64 1 0x00\n1 1 64 1 0xb8' 'IPv4 headers'
assert_eq "$(fields -Y ipv6 -e ipv6.hlim -e ipv6.nxt -E separator=' ')" '10 64 50' 'IPv6 headers'

say "what may be fragmented goes by the raw socket"
before=$(by_socket)
reaches hostA 10.2.0.2 -M dont
assert_eq $(($(by_socket) - before)) 1 'by socket with DF clear'

say "the peer gets another address of its own"
ip -n "${LAB}gwB" link set pub0 address 02:00:00:00:00:77
on gwB ping -q -n -c 1 -W 2 192.0.2.1 > /dev/null # its neighbours hear of it
wait_for 5 on hostA ping -q -n -c 1 -W 1 10.2.0.2
wait_for 5 wire_is 'AF_XDP to 2 of 2 peers'
assert_eq "$(by_socket_of_ten 10.2.0.2)" 0 'packets by socket after the move'

say "a smaller MTU on the way out"
ip -n "${LAB}gwA" link set pub0 mtu 1300
reaches hostA 10.2.0.2 -s 1000
silent hostA 10.2.0.2 -s 1300 -M do
ip -n "${LAB}gwA" link set pub0 mtu 1500

say "the interface goes down and comes back"
ip -n "${LAB}gwA" link set pub0 down
wait_for 5 wire_is 'AF_XDP to 0 of 2 peers; else raw sockets: no plain route'
ip -n "${LAB}gwA" link set pub0 up
addr gwA pub0 2001:db8::1/64 # an interface that goes down loses it
wait_for 10 on hostA ping -q -n -c 1 -W 1 10.2.0.2
wait_for 10 on hostA ping -q -n -c 1 -W 1 fd00:2::2
wait_for 10 wire_is 'AF_XDP to 2 of 2 peers'
assert_eq "$(by_socket_of_ten 10.2.0.2)" 0 'packets by socket after it came back'

say "an interface that is no Ethernet: raw sockets, and said"
ip -n "${LAB}gwA" tuntap add odd mode tun
ip -n "${LAB}gwA" link set odd up
ip -n "${LAB}gwA" route add 192.0.2.2 dev odd
wait_for 5 wire_is 'AF_XDP to 1 of 2 peers; else raw sockets: no Ethernet'
ip -n "${LAB}gwA" link del odd
wait_for 5 wire_is 'AF_XDP to 2 of 2 peers'
assert_eq "$(verdicts gwB)" '' 'verdicts on gwB'
echo "ok: $(wire)"
