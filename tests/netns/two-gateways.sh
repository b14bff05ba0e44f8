#!/usr/bin/env bash
# Two offices, one tunnel of each family mix: does traffic pass, and is it counted to the byte?
#
#   hostA --- gwA ===[ pub: the wire, 50 only ]=== gwB --- hostB
#   10.1.0.2  192.0.2.1                  192.0.2.2  10.2.0.2        (all addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin two-gateways
offices_open

say "every mix of inner and outer family, both directions"
capture pub br0 wire.pcap
for pair in '10.1.0.2 10.2.0.2' 'fd00:1::2 fd00:2::2' '10.11.0.2 10.22.0.2' 'fd00:11::2 fd00:22::2'; do
    read -r near far <<< "$pair"
    reaches hostA "$far" -I "$near" -s 100
    reaches hostB "$near" -I "$far" -s 1000
    echo "ok: $near <-> $far"
done
capture_end
# Two pings and two answers each: four ESP packets a mix, and nothing of the inside beside them.
on pub "$PYTHON" "$LIB/esp_witness.py" eavesdrop "$WORK/wire.pcap" "$WORK/sas.conf"

say "byte counters: each SA carried one echo and one answer, inner bytes"
# IPv4: 20 + 8 + payload; IPv6: 40 + 8 + payload. SPI 0x1004: 10/8 same family and fd00 crossed.
four=$((128 + 1028)) six=$((148 + 1048))
for spi in 0x1004 0x2004 0x1006 0x2006; do
    assert_eq "$(sa_bytes gwA $spi)" "4 $((four + six))" "packets and bytes of $spi on gwA"
    assert_eq "$(sa_bytes gwB $spi)" "4 $((four + six))" "packets and bytes of $spi on gwB"
done
assert_eq "$(verdicts gwA)" '' 'verdicts on gwA'
assert_eq "$(verdicts gwB)" '' 'verdicts on gwB'
echo "ok: 4 packets and $((four + six)) bytes on each"

say "50 MB of TCP each way in both families, equal hashes"
for route in 'hostA hostB 10.2.0.2' 'hostB hostA 10.1.0.2' 'hostA hostB fd00:2::2' 'hostB hostA fd00:1::2' 'hostA hostB fd00:22::2'; do
    read -r from to address <<< "$route"
    background "$to" serve "$PYTHON" "$LIB/tcp_copy.py" serve "$address" 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    sent=$(on "$from" timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$address" 5001 50000000)
    wait "$server"
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" "what $address received"
    echo "ok: $from -> $address $sent"
done

say "UDP, and an IPv4 datagram that arrives in fragments, from the host behind"
reaches hostA 10.2.0.2 -s 4000 -M dont
# The first one draws Packet Too Big, as IPv6 wants it.
reaches hostA fd00:2::2 -s 4000 -c 3 -i 0.2

say "a deleted SA carries nothing more, in either direction, and says so"
echo 'delete 192.0.2.1 192.0.2.2 esp 0x1004;' | sk gwB -c
moves_by_one gwB NO_SA silent hostA 10.2.0.2
echo 'delete 192.0.2.1 192.0.2.2 esp 0x1004;' | sk gwA -c
moves_by_one gwA NO_OUT_SA silent hostA 10.2.0.2
reaches hostA fd00:2::2
offices_load A
offices_load B
reaches hostA 10.2.0.2

say "a clean stop removes everything"
gateway_stop gwA
assert_eq "$(on gwA ip rule | grep -c 219 || true)" 0 'rules left'
assert_eq "$(on gwA ip route show table 219 2> /dev/null; on gwA ip -6 route show table 219 2> /dev/null)" '' 'routes left'
assert_eq "$(on gwA nft list tables)" '' 'nftables left'
assert_eq "$(on gwA ip -o link show cyg0 2> /dev/null || true)" '' 'device left'
[[ ! -e $(socket_of gwA) ]] || fail "the socket is left"
gateway_stop gwB
