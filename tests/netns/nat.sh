#!/usr/bin/env bash
# A NAT between the gateways: two offices behind one address, a mapping that changes in the middle of
# a transfer, keepalives that hold it open, and IKE datagrams for a client beside the ESP.
#
#   hostA --- gwA --+
#    10.1.0.2  .1   +-- 10.9.0.0/24 -- nat ==[ 198.51.100.0/24 ]== gwB --- hostB
#   hostC --- gwC --+                   .1                          .2     10.2.0.2
#    10.3.0.2  .3
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin nat
ns_add hostA gwA hostC gwC nat gwB hostB
ip -n "${LAB}nat" link add in0 type bridge
ip -n "${LAB}nat" link set in0 up
addr nat in0 10.9.0.254/24
veth gwB pub0 nat out0
addr nat out0 198.51.100.1/24
addr gwB pub0 198.51.100.2/24
forwarding_on gwA gwC gwB nat
for side in A:1 B:2 C:3; do
    name=${side%:*} n=${side#*:}
    veth "gw$name" lan "host$name" lan
    addr "gw$name" lan "10.$n.0.1/24"
    addr "host$name" lan "10.$n.0.2/24"
    ip -n "${LAB}host$name" route add default via "10.$n.0.1"
    [[ $name == B ]] && continue
    veth "gw$name" pub0 nat "in$name"
    ip -n "${LAB}nat" link set "in$name" master in0
    addr "gw$name" pub0 "10.9.0.$n/24"
    ip -n "${LAB}gw$name" route add default via 10.9.0.254
done
# map PORT: from now on gateway A's datagrams come from that port; whose it was is forgotten.
map() {
    on nat nft -f - <<NFT
table ip nat
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname out0 ip saddr 10.9.0.1 udp sport 4500 snat to 198.51.100.1:$1
    oifname out0 masquerade random
  }
}
NFT
    on nat "$PYTHON" "$LIB/conntrack_flush.py"
}
map 1024

# The NAT's address and a port that is not right yet: what gwB is told, as a manager would who knows
# the address only. reqids tell the two peers apart.
for key in ab ba cb bc; do printf -v "key_$key" '%s' "$(hex_key 20)"; done
pair() { # NAME NUMBER REQID KEY-THERE KEY-BACK
    local near="10.9.0.$2" there=$4 back=$5
    load "gw$1" <<CONF
add $near [4500] 198.51.100.2 [4500] esp-udp 0x${3}1 -m tunnel -r 64 -u $3 -E aes-gcm-16 $there;
add 198.51.100.2 [4500] $near [4500] esp-udp 0x${3}2 -m tunnel -r 64 -u $3 -E aes-gcm-16 $back;
spdadd 10.$2.0.0/24 10.2.0.0/24 any -P out ipsec esp/tunnel/$near-198.51.100.2/unique:$3;
spdadd 10.2.0.0/24 10.$2.0.0/24 any -P in ipsec esp/tunnel/198.51.100.2-$near/unique:$3;
CONF
    cat <<CONF
add 198.51.100.1 [4500] 198.51.100.2 [4500] esp-udp 0x${3}1 -m tunnel -r 64 -u $3 -E aes-gcm-16 $there;
add 198.51.100.2 [4500] 198.51.100.1 [4500] esp-udp 0x${3}2 -m tunnel -r 64 -u $3 -E aes-gcm-16 $back;
spdadd 10.2.0.0/24 10.$2.0.0/24 any -P out ipsec esp/tunnel/198.51.100.2-198.51.100.1/unique:$3;
spdadd 10.$2.0.0/24 10.2.0.0/24 any -P in ipsec esp/tunnel/198.51.100.1-198.51.100.2/unique:$3;
CONF
}
for gateway in gwA gwC gwB; do gateway_start "$gateway"; done
# shellcheck disable=SC2154 # printf -v sets them
{ pair A 1 101 "$key_ab" "$key_ba"; pair C 3 103 "$key_cb" "$key_bc"; } > "$WORK/gwB.part"
load gwB < "$WORK/gwB.part"

peer_of() { grep "SA 0x0000$1" "$WORK/cygnetd-gwB.log" | tail -n 1 | sed 's/.*appears as //'; }

say "two gateways behind one address: each one's first packet tells where it is"
on hostA ping -q -n -c 3 -i 0.3 -W 1 10.2.0.2 > /dev/null
on hostC ping -q -n -c 3 -i 0.3 -W 1 10.2.0.2 > /dev/null
reaches hostA 10.2.0.2
reaches hostC 10.2.0.2
reaches hostB 10.1.0.2
reaches hostB 10.3.0.2
assert_eq "$(peer_of 1011)" '198.51.100.1 port 1024' 'where gwB sees gwA'
[[ $(peer_of 1031) != "$(peer_of 1011)" ]] || fail "both gateways by one port"
echo "ok: gwA at $(peer_of 1011), gwC at $(peer_of 1031)"

say "the mapping changes in the middle of a transfer: it goes on, and arrives whole"
background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve 10.2.0.2 5001
server=$LAST_PID
wait_for 5 grep -q listening "$WORK/serve.log"
capture gwB pub0 rebind.pcap udp
on hostA timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send 10.2.0.2 5001 200000000 > "$WORK/sent" &
sender=$!
sleep 0.3
map 2048
wait "$sender"
wait "$server"
capture_end
assert_eq "$(tail -n 1 "$WORK/serve.log")" "$(cat "$WORK/sent")" 'what hostB received'
assert_eq "$(peer_of 1011)" '198.51.100.1 port 2048' 'where gwB sees gwA now'
assert_ge "$(tshark -r "$WORK/rebind.pcap" -Y 'udp.dstport == 1024' 2> /dev/null | wc -l)" 1 'packets to the old port'
assert_ge "$(tshark -r "$WORK/rebind.pcap" -Y 'udp.dstport == 2048' 2> /dev/null | wc -l)" 1 'packets to the new port'
# gwC's mapping was forgotten too; the answer to its first packet may still go to the old one.
on hostC ping -q -n -c 3 -i 0.3 -W 1 10.2.0.2 > /dev/null
reaches hostC 10.2.0.2
reaches hostB 10.1.0.2

say "a copy of an old packet from elsewhere moves nobody; nor does a forgery"
on nat "$PYTHON" - "$WORK/rebind.pcap" <<'PY'
import socket, subprocess, sys
frames = subprocess.run(["tshark", "-r", sys.argv[1], "-c", "2000", "-Y", "udp.dstport == 4500 and esp", "-T", "fields", "-e", "udp.payload"],
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.split()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("198.51.100.1", 3333))
old = bytes.fromhex(frames[0].decode())
s.sendto(old, ("198.51.100.2", 4500))
s.sendto(old[:4] + b"\x7f\xff\xff\xff" + old[8:], ("198.51.100.2", 4500))
PY
wait_for 5 verdict_reached gwB ICV 1
assert_eq "$(peer_of 1011)" '198.51.100.1 port 2048' 'where gwB sees gwA still'
reaches hostB 10.1.0.2

say "idle for 20 seconds: gwA keeps its mapping alive, gwB swallows that"
kept=$(verdict gwB KEEPALIVE)
wait_for 30 verdict_reached gwB KEEPALIVE $((kept + 1))

say "IKE beside the ESP: a client owns it, and answers through the NAT"
background gwB iked "$PYTHON" "$LIB/ike_client.py" "$(socket_of gwB)" 4500
wait_for 5 grep -q registered "$WORK/iked.log"
ask() {
    on gwC "$PYTHON" -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(bytes(4) + b"hello", ("198.51.100.2", 4500))
print(s.recv(65536))'
}
assert_eq "$(ask)" "b'\\x00\\x00\\x00\\x00olleh'" 'the answer'
assert_match "$(cat "$WORK/iked.log")" 'from 198.51.100.1 port [0-9]+ to 198.51.100.2 port 4500: hello'
refused on gwB "$PYTHON" "$LIB/ike_client.py" "$(socket_of gwB)" 4500
assert_match "$SAID" 'another client has the IKE of port 4500'
reaches hostA 10.2.0.2
kill "$LAST_PID"
wait_for 5 eval 'on gwB env true && ! kill -0 '"$LAST_PID"
moves_by_one gwB NO_IKE on gwC "$PYTHON" -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(8), ("198.51.100.2", 4500))'
for gateway in gwA gwC gwB; do gateway_stop "$gateway"; done
