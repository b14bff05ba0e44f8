#!/usr/bin/env bash
# What a policy can say beyond networks: ICMP types, directions, levels, which of two tunnels; and
# inner traffic that is translated into a tunnel's selector.
#
#   hostC 10.3.0.2 --- gwA              (no policy knows hostC's network)
#   hostA 10.1.0.2 --- gwA ===[ pub ]=== gwB --- hostB 10.2.0.2
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin selectors
offices_up
offices_keys
gateway_start gwA
gateway_start gwB
A4=(192.0.2.1 192.0.2.2) B4=(192.0.2.2 192.0.2.1)
A6=(2001:db8::1 2001:db8::2) B6=(2001:db8::2 2001:db8::1)

# afresh GATEWAY < POLICIES: these and the SAs, nothing else.
afresh() {
    { echo 'flush; spdflush;' && cat "$WORK/sas.conf" -; } | load "$1"
}
# on_wire COMMAND...: runs it with a capture, then says "esp", "clear", "clear esp" or "".
on_wire() {
    capture pub br0 way.pcap ip or ip6
    "$@" > /dev/null 2>&1 || true
    capture_end
    on pub "$PYTHON" -c '
import sys
from esp_witness import *
print(" ".join(sorted({"esp" if View(p).proto == ESP else "clear" for p in capture(sys.argv[1]) if not View(p).is_chatter()})))' "$WORK/way.pcap"
}
# timestamp: an ICMP message of type 13 from hostA to hostB.
timestamp() {
    on hostA "$PYTHON" -c '
from esp_witness import *
data = struct.pack("!BBHHHLLL", 13, 0, 0, 1, 1, 0, 0, 0)
send_ip(ip("10.1.0.2", "10.2.0.2", 1, data[:2] + struct.pack("!H", checksum(data)) + data[4:]))'
}
packets() { sa_bytes "$1" "$2" | cut -d ' ' -f 1; }
# by SPI COMMAND...: whether gwA sent it through that SA.
by() {
    local spi=$1 before
    shift
    before=$(packets gwA "$spi")
    "$@"
    (($(packets gwA "$spi") > before)) || fail "not through SA $spi: $*"
}

# through_another_sa: a ping inside the IPv6 tunnel whose policy wants the IPv4 one.
through_another_sa() {
    on pub "$PYTHON" - "$WORK/sas.conf" <<'PYTHON'
import sys
from esp_witness import *
sa6 = sas_of(sys.argv[1])[0x1006, ipaddress.ip_address("2001:db8::2")]
send_esp(sa6, sa6.seal(echo("10.1.0.2", "10.2.0.2"), 50))
PYTHON
}

say "ICMP: echo requests have a policy, other types have none"
{
    echo "spdadd 10.1.0.0/24 10.2.0.0/24 icmp -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;
          spdadd 10.2.0.0/24 10.1.0.0/24 icmp -P in ipsec esp/tunnel/192.0.2.2-192.0.2.1/require;"
} | afresh gwA
{
    echo "spdadd 10.1.0.0/24 10.2.0.0/24 icmp 8,0 -P in ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;
          spdadd 10.2.0.0/24 10.1.0.0/24 icmp -P out ipsec esp/tunnel/192.0.2.2-192.0.2.1/require;"
} | afresh gwB
reaches hostA 10.2.0.2
moves_by_one gwB NO_IN_POLICY timestamp
echo "spddelete 10.1.0.0/24 10.2.0.0/24 icmp -P out;
      spdadd 10.1.0.0/24 10.2.0.0/24 icmp 8,0 -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;" | load gwA
reaches hostA 10.2.0.2
# No routing rule knows ICMP types: all of ICMP is captured, and what has no policy is dropped.
moves_by_one gwA NO_OUT_POLICY timestamp
assert_eq "$(on_wire timestamp)" '' 'a type without policy'

say "directions: forwarded traffic is fwd's; without any fwd policy it is in's"
policy_pair 10.1.0.0/24 10.2.0.0/24 "${A4[@]}" | afresh gwA
{ echo 'flush; spdflush;' && cat "$WORK/sas.conf" && policy_pair 10.2.0.0/24 10.1.0.0/24 "${B4[@]}"; } > "$WORK/in-only.conf"
sk gwB -k -f "$WORK/in-only.conf" # -k: no fwd beside in
[[ $(sk gwB -k -DP) != *fwd* ]] || fail 'there is a fwd policy'
reaches hostA 10.2.0.2
reaches hostA 10.2.0.1
echo 'spdadd 10.99.0.0/24 10.2.0.0/24 any -P fwd ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;' | sk gwB -k -c
moves_by_one gwB NO_IN_POLICY silent hostA 10.2.0.2
reaches hostA 10.2.0.1
echo 'spdadd 10.1.0.0/24 10.2.0.0/24 any -P fwd ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;
      spddelete 10.1.0.0/24 10.2.0.0/24 any -P in;' | sk gwB -k -c
reaches hostA 10.2.0.2
moves_by_one gwB NO_IN_POLICY silent hostA 10.2.0.1

say "level use: cleartext may come in, and so may what is sealed; nothing may leave that way"
refused sk gwA -c <<< 'spdadd 10.1.0.0/24 10.2.0.0/24 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/use;'
assert_match "$SAID" 'would leave in clear' 'refusal'
offices_keys
offices_load A
{
    policy_pair 10.2.0.0/24 10.1.0.0/24 "${B4[@]}"
    policy_pair fd00:2::/64 fd00:1::/64 "${B6[@]}"
} | sed '/-P in/s/require/use/' | afresh gwB
reaches hostA 10.2.0.2
reaches hostA fd00:2::2
moves_by_one gwB IN_TEMPLATE through_another_sa
echo 'spdadd 10.1.0.0/24 10.2.0.0/24 icmp -P out prio high none; spdadd fd00:1::/64 fd00:2::/64 icmp6 -P out prio high none;' | sk gwA -c
for address in 10.2.0.2 fd00:2::2; do
    assert_eq "$(on_wire reaches hostA $address)" 'clear esp' "$address: there in clear, back sealed"
    reaches hostA $address
done
assert_eq "$(verdict gwB IN_CLEARTEXT)" 0 'packets the guard dropped'

say "level require: nothing without an SA"
offices_load A
offices_load B
reaches hostA 10.2.0.2
echo 'flush;' | sk gwA -c
assert_eq "$(on_wire silent hostA 10.2.0.2)" '' 'require without SA'
assert_eq "$(on_wire silent hostA fd00:2::2)" '' 'require without SA, IPv6'

say "level unique: its own SA and no other, on both ends"
unique=$(hex_key 20)
offices_keys
cat >> "$WORK/sas.conf" <<CONF
add 192.0.2.1 192.0.2.2 esp 0x7004 -m tunnel -u 7 -r 64 -E aes-gcm-16 $unique;
CONF
policy_pair 10.1.0.0/24 10.2.0.0/24 "${A4[@]}" | sed '/-P out/s/require/unique:7/' | afresh gwA
policy_pair 10.2.0.0/24 10.1.0.0/24 "${B4[@]}" | sed '/-P in/s/require/unique:7/' | afresh gwB
by 0x7004 reaches hostA 10.2.0.2
assert_eq "$(packets gwA 0x1004)" 0 'packets of the other SA'
echo 'delete 192.0.2.1 192.0.2.2 esp 0x7004;' | sk gwA -c
moves_by_one gwA NO_OUT_SA silent hostA 10.2.0.2
policy_pair 10.1.0.0/24 10.2.0.0/24 "${A4[@]}" | afresh gwA
echo 'delete 192.0.2.1 192.0.2.2 esp 0x7004;' | sk gwA -c
moves_by_one gwB IN_TEMPLATE silent hostA 10.2.0.1
# setkey's fwd twin of a unique policy asks for any SA of the tunnel (setkey(8)).
reaches hostA 10.2.0.2

say "two tunnels for one network: the one with the higher priority, then the other"
offices_keys
two_tunnels() { # OUT IN OUR4 THEIR4 OUR6 THEIR6, networks by their second number
    echo "spdadd 10.$1.0.0/24 10.$2.0.0/24 any -P out prio low ipsec esp/tunnel/$3-$4/require;
          spdadd 10.$2.0.0/24 10.$1.0.0/24 any -P in prio low ipsec esp/tunnel/$4-$3/require;
          spdadd 10.$1.0.0/24 10.$2.0.0/16 any -P out prio high ipsec esp/tunnel/$5-$6/require;
          spdadd 10.$2.0.0/16 10.$1.0.0/24 any -P in prio high ipsec esp/tunnel/$6-$5/require;"
}
two_tunnels 1 2 "${A4[@]}" "${A6[@]}" | afresh gwA
two_tunnels 2 1 "${B4[@]}" "${B6[@]}" | afresh gwB
by 0x1006 reaches hostA 10.2.0.2
assert_eq "$(packets gwA 0x1004)" 0 'packets of the tunnel with low priority'
echo 'spddelete 10.1.0.0/24 10.2.0.0/16 any -P out; spddelete 10.2.0.0/16 10.1.0.0/24 any -P in;' | load gwA
echo 'spddelete 10.2.0.0/24 10.1.0.0/16 any -P out; spddelete 10.1.0.0/16 10.2.0.0/24 any -P in;' | load gwB
by 0x1004 reaches hostA 10.2.0.2

say "ranges: the first and the last of them are protected, their neighbours are not"
background hostB listens "$PYTHON" -u -c '
import socket, time
kept = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
for s, port in zip(kept, (1999, 2000, 2999, 3000)):
    s.bind(("0.0.0.0", port))
print("bound")
time.sleep(1000)'
wait_for 5 grep -q bound "$WORK/listens.log"
datagram() { on hostA "$PYTHON" -c 'import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (sys.argv[1], int(sys.argv[2])))' "$1" "$2"; }
echo "spdadd 10.1.0.0/24 10.2.0.2-10.2.0.5[2000-2999] udp -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;" | afresh gwA
echo "spdadd 10.1.0.0/24 10.2.0.2-10.2.0.5[2000-2999] udp -P in ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;" | afresh gwB
unwelcome=$(verdict gwB NO_IN_POLICY)
for port in 2000 2999; do assert_eq "$(on_wire datagram 10.2.0.2 $port)" esp "port $port of 2000-2999"; done
assert_eq "$(verdict gwB NO_IN_POLICY)" "$unwelcome" 'packets without policy'
for port in 1999 3000; do assert_eq "$(on_wire datagram 10.2.0.2 $port)" clear "port $port beside it"; done
assert_eq "$(on_wire datagram 10.2.0.5 2500)" esp 'the last address'
assert_eq "$(on_wire datagram 10.2.0.6 2500)" clear 'the one behind it'

say "a network no policy knows, translated into one that has"
ns_add hostC
veth gwA lan3 hostC lan
addr gwA lan3 10.3.0.1/24 fd00:3::1/64
addr hostC lan 10.3.0.2/24 fd00:3::2/64
ip -n "${LAB}hostC" route add default via 10.3.0.1
ip -n "${LAB}hostC" -6 route add default via fd00:3::1
offices_load A
offices_load B
moves_by_one gwA NO_OUT_POLICY silent hostC 10.2.0.2
on gwA nft -f - <<'NFT'
table inet translate {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "cyg0" ip saddr 10.3.0.0/24 snat ip to 10.1.0.1
    oifname "cyg0" ip6 saddr fd00:3::/64 snat ip6 to fd00:1::1
  }
}
NFT
assert_eq "$(on_wire reaches hostC 10.2.0.2)" esp 'translated'
reaches hostC 10.2.0.2
reaches hostC fd00:2::2
reaches hostA 10.2.0.2
