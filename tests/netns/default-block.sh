#!/usr/bin/env bash
# XFRM_MSG_SETDEFAULT, `ip xfrm policy setdefault in|fwd|out block`: what no policy of a direction speaks of is dropped,
# and nothing else is; it follows the policies, outlives a kill -9 and goes with a clean stop or with accept.
# tests/interop/kernel-default.sh has the same packets in front of a kernel.
#
#   hostA --- gwA (blocks) ===[ pub: .9 ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin default-block
offices_open
ip -n "${LAB}pub" route add 10.1.0.0/24 via 192.0.2.1
ip -n "${LAB}pub" route add 10.2.0.0/24 via 192.0.2.2

policy() { ex gwA ip xfrm policy "$@"; }
setdefault() { policy setdefault "$@"; }
# defaults: "in fwd out", as GETDEFAULT answers.
defaults() { policy getdefault | awk '/:/ && NF == 2 && $1 != "Default" {printf "%s%s", sep, $2; sep = " "}'; }
tables() { on gwA nft list tables | grep -c cygnet_default || true; }

# heard FAMILY PORT MARK SIZE FROM TO: a datagram of this many bytes from pub to a socket of gwA that has this mark.
# "yes" if an answer came back; "only" if it came and none did.
heard() {
    on gwA "$PYTHON" - "$@" "${LAB}pub" <<'PYTHON'
import socket, subprocess, sys
family, port, mark, size, src, dst, pub = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM)
if int(mark, 0):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(mark, 0))
s.bind((dst, int(port)))
s.settimeout(1)
ask = """import socket, sys
family, port, size, src, dst = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if family == "6" else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((src, 0)); s.settimeout(1.5); s.sendto(b"x" * int(size), (dst, int(port)))
try: print(len(s.recv(65536)))
except TimeoutError: print(0)"""
p = subprocess.Popen(["ip", "netns", "exec", pub, sys.executable, "-c", ask, family, port, size, src, dst], stdout=subprocess.PIPE)
try:
    data, peer = s.recvfrom(65536)
except TimeoutError:
    p.wait()
    print("no")
    sys.exit()
assert len(data) == int(size)
try:
    s.sendto(data[:100], peer)
except PermissionError:
    pass
print("yes" if int(p.stdout.read()) else "only")
PYTHON
}
tunnel_goes() { # what the gateways' own traffic needs, in either direction
    reaches gwA 10.2.0.2 -I 10.1.0.1
    reaches gwB 10.1.0.1 -I 10.2.0.1
}
drops() { verdict gwA "$1"; }
# not_permitted ADDRESS [MARK]: that is what a sender on gwA is told.
not_permitted() {
    refused on gwA "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(sys.argv[2]))
s.sendto(b"x", (sys.argv[1], 9))' "$1" "${2:-0}"
    assert_match "$SAID" 'Operation not permitted' "what a sender to $1 is told"
}

say "as it is without"
assert_eq "$(defaults)" 'accept accept accept' 'default'
assert_eq "$(tables)" 0 'tables'
reaches pub 192.0.2.1
reaches pub 10.1.0.2
reaches gwA 192.0.2.9
reaches hostA 192.0.2.9
reaches hostA 10.2.0.2
assert_eq "$(heard 4 500 0 100 192.0.2.9 192.0.2.1)" yes 'UDP of port 500'
assert_eq "$(heard 6 700 0 3000 2001:db8::9 2001:db8::1)" yes 'a long datagram'

# ---- in ----------------------------------------------------------------------------------------

say "in: what is for this host"
setdefault in block
assert_eq "$(defaults)" 'block accept accept' 'default'
before=$(drops NO_IN_POLICY)
silent pub 192.0.2.1
assert_ge "$(drops NO_IN_POLICY)" $((before + 1)) 'drops in the status'
reaches pub 10.1.0.2
reaches hostA 10.2.0.2
reaches hostB 10.1.0.2
tunnel_goes
reaches gwA 127.0.0.1
reaches gwA 192.0.2.1
reaches gwA ::1
assert_eq "$(heard 4 500 0 100 192.0.2.9 192.0.2.1)" no 'port 500 of somebody'
assert_eq "$(heard 4 500 0x219 100 192.0.2.9 192.0.2.1)" yes 'port 500 of IKE'

say "in: a policy more, a policy less"
policy add src 192.0.2.9 dst 192.0.2.1 proto icmp dir in
reaches pub 192.0.2.1
assert_eq "$(heard 4 600 0 100 192.0.2.9 192.0.2.1)" no 'UDP'
policy add src 192.0.2.0/24 dst 192.0.2.1 proto udp dport 600 dir in
assert_eq "$(heard 4 600 0 3000 192.0.2.9 192.0.2.1)" yes 'UDP of a policy, in fragments'
assert_eq "$(heard 4 601 0 100 192.0.2.9 192.0.2.1)" no 'UDP of another port'
policy delete src 192.0.2.9 dst 192.0.2.1 proto icmp dir in
silent pub 192.0.2.1

say "in: neighbours are not found, as with the kernel's XFRM, but by policies"
ip -n "${LAB}gwA" -6 neigh flush dev pub0
silent hostA fd00:2::2
policy add src ::/0 dst ::/0 proto ipv6-icmp dir in
ip -n "${LAB}gwA" -6 neigh flush dev pub0
reaches hostA fd00:2::2
reaches hostA 10.22.0.2 -I 10.11.0.2
policy add src 2001:db8::/64 dst 2001:db8::1 proto udp dport 700 dir in
assert_eq "$(heard 6 700 0 3000 2001:db8::9 2001:db8::1)" yes 'IPv6 fragments of a policy'
assert_eq "$(heard 6 701 0 3000 2001:db8::9 2001:db8::1)" no 'IPv6 fragments of none'
assert_eq "$(heard 6 500 0x219 3000 2001:db8::9 2001:db8::1)" yes 'IPv6 fragments of IKE'
setdefault in accept
reaches pub 192.0.2.1
assert_eq "$(tables)" 0 'tables'
assert_ge "$(drops NO_IN_POLICY)" $((before + 1)) 'drops in the status, afterwards'

# ---- fwd ---------------------------------------------------------------------------------------

say "fwd: what is for others"
setdefault fwd block
assert_eq "$(defaults)" 'accept block accept' 'default'
before=$(drops NO_IN_POLICY)
silent pub 10.1.0.2
silent hostA 192.0.2.9
assert_ge "$(drops NO_IN_POLICY)" $((before + 2)) 'drops in the status'
reaches pub 192.0.2.1
reaches gwA 192.0.2.9
tunnel_goes
silent hostA 10.2.0.2 # setkey's fwd policies are of one way only
policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir fwd
reaches hostA 10.2.0.2
reaches hostB 10.1.0.2
policy add src 192.0.2.9 dst 10.1.0.2 dir fwd
silent pub 10.1.0.2
policy add src 10.1.0.2 dst 192.0.2.9 dir fwd
reaches pub 10.1.0.2
setdefault fwd accept
reaches hostA 192.0.2.9

# ---- out ---------------------------------------------------------------------------------------

say "out: what this host sends, and what is for others"
setdefault out block
assert_eq "$(defaults)" 'accept accept block' 'default'
before=$(drops NO_OUT_POLICY)
not_permitted 192.0.2.9
silent hostA 192.0.2.9
assert_ge "$(drops NO_OUT_POLICY)" $((before + 2)) 'drops in the status'
reaches gwA 127.0.0.1
reaches gwA ::1
reaches gwA 192.0.2.1
assert_eq "$(heard 4 500 0 100 192.0.2.9 192.0.2.1)" only 'port 500 of somebody'
assert_eq "$(heard 4 500 0x219 100 192.0.2.9 192.0.2.1)" yes 'port 500 of IKE'
tunnel_goes
silent hostA 10.2.0.2 # an answer leaves for the LAN, and no policy says it may
policy add src 10.2.0.0/24 dst 10.1.0.0/24 dir out
reaches hostA 10.2.0.2
policy add src 192.0.2.1 dst 192.0.2.9 proto icmp dir out
reaches gwA 192.0.2.9
assert_eq "$(heard 4 600 0 100 192.0.2.9 192.0.2.1)" only 'UDP'

say "out: sealed packets with a mark of their own"
sa=(src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1004)
ex gwA ip xfrm state update "${sa[@]}" mode tunnel replay-window 64 output-mark 7 \
    aead 'rfc4106(gcm(aes))' "$(awk '$5 == "0x1004" {sub(";", "", $NF); print $NF}' "$WORK/sas.conf")" 128
assert_match "$(ex gwA ip xfrm state get "${sa[@]}")" 'output-mark 0x7' 'the SA'
tunnel_goes
not_permitted 192.0.2.2 7

say "out: what a wide policy leaves to connected networks"
policy delete src 192.0.2.1 dst 192.0.2.9 proto icmp dir out
not_permitted 192.0.2.9
policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 5000 tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel
reaches gwA 192.0.2.9
policy delete src 0.0.0.0/0 dst 0.0.0.0/0 dir out
not_permitted 192.0.2.9

# ---- the table's life --------------------------------------------------------------------------

closed() { # WHAT: in all directions
    silent pub 192.0.2.1
    silent pub 10.1.0.2
    silent hostA 192.0.2.9
    not_permitted 192.0.2.9
    echo "ok: closed $1"
}
say "all three; a firewall that is loaded anew; kill -9"
setdefault in block fwd block
assert_eq "$(defaults)" 'block block block' 'default'
closed 'in all directions'
on gwA nft flush ruleset
wait_for 5 eval 'on gwA nft list tables | grep -q cygnet_default'
closed 'after nft flush ruleset'
policy add src 192.0.2.9 dst 192.0.2.1 proto tcp dir in
gateway_kill gwA
closed 'after kill -9'
gateway_start gwA
assert_eq "$(defaults)" 'block block block' 'default after a start'
closed 'after a start'
offices_load A
tunnel_goes
closed 'with policies again'
assert_match "$(on gwA nft list table inet cygnet_default)" '192\.0\.2\.9 \. 192\.0\.2\.1 \. tcp' 'what the old process let pass'
wait_for 8 eval '! on gwA nft list table inet cygnet_default | grep -q "192.0.2.9 . 192.0.2.1 . tcp"'
closed 'when the old sets are gone'
tunnel_goes
setdefault in accept fwd accept out accept
assert_eq "$(defaults) $(tables)" 'accept accept accept 0' 'default, tables'
reaches pub 192.0.2.1
reaches hostA 192.0.2.9
reaches gwA 192.0.2.9
reaches hostA 10.2.0.2

say "without a policy, killed, and lifted before one came"
sk gwA -FP
setdefault in block
gateway_kill gwA
gateway_start gwA --tun cyg7
assert_eq "$(defaults)" 'block accept accept' 'default after a start'
silent pub 192.0.2.1
setdefault in accept
reaches pub 192.0.2.1

say "without a policy, and the device is deleted: an end that is not clean"
gateway_stop gwA # the next one has nothing to take over, which it would keep anyway
gateway_start gwA --tun cyg7
setdefault in block
ip -n "${LAB}gwA" link del cyg7
gateway_ends gwA 1
silent pub 192.0.2.1
gateway_start gwA
assert_eq "$(defaults)" 'block accept accept' 'default after a start'
silent pub 192.0.2.1
setdefault in accept
reaches pub 192.0.2.1

say "a clean stop removes it"
setdefault in block out block
not_permitted 192.0.2.9
gateway_stop gwA
assert_eq "$(on gwA nft list ruleset)" '' 'nftables after a clean stop'
reaches pub 192.0.2.1

# ---- IKE -----------------------------------------------------------------------------------------

say "IKE between gateways, all three being blocked: raw, and in UDP"
connection() { # NAME US THEM OURS THEIRS ENCAP
    cat <<CONF
    $1 {
        encap = $6
        local_addrs = 192.0.2.$2
        remote_addrs = 192.0.2.$3
        local { auth = psk
            id = $1-$2.example.org
        }
        remote { auth = psk
            id = $1-$3.example.org
        }
        children { net { local_ts = $4
            remote_ts = $5
        } }
    }
CONF
}
gateway_stop gwB
for side in A B; do
    if [[ $side == A ]]; then us=1 them=2; else us=2 them=1; fi
    {
        echo 'connections {'
        connection raw $us $them 10.$us.0.0/24 10.$them.0.0/24 no
        connection udp $us $them 10.$us$us.0.0/24 10.$them$them.0.0/24 yes
        echo '} secrets { ike { secret = "a secret of more than twenty octets" } }'
    } | iked_conf "gw$side"
    gateway_start "gw$side"
done
setdefault in block fwd block out block
iked_start gwA
iked_start gwB
ike gwA up raw > /dev/null
reaches gwA 10.2.0.1 -I 10.1.0.1
ike gwB up udp > /dev/null
reaches gwA 10.22.0.1 -I 10.11.0.1
reaches gwB 10.11.0.1 -I 10.22.0.1
assert_match "$(ex gwA ip xfrm state)" 'encap type espinudp' 'ESP in UDP'
silent pub 192.0.2.1
not_permitted 192.0.2.9
echo "default-block: all is as it should be"
