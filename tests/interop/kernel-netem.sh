#!/usr/bin/env bash
# A bad path to a real Linux kernel: loss, delay, reordering and duplicates by netem, both ways, between
# cygnetd and the kernel's own IPsec. TCP arrives whole; every packet that came is accounted for; a
# replay window wide enough for the path drops nothing but duplicates, one that is too small does.
#
#   +-- namespace gw ------+         +-- Linux as a process (user-mode-linux) ------------------+
#   | lan0 10.1.0.1/24     |         |  netem ->                netem ->   +-- namespace peer --+ |
#   | cygnetd  192.0.2.1 ==|== TAP ==|== wan 192.0.2.2   r0 198.51.100.254 | p0 198.51.100.1    | |
#   +----------------------+         |     <- netem             <- netem   | XFRM  lo 10.2.0.2  | |
#                                    +-------------------------------------+--------------------+-+
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh

# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin kernel-netem
ns_add gw
stub gw lan0
addr gw lan0 10.1.0.1/24

say "boot the kernel, a router and a gateway behind it inside"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw" --near 192.0.2.1/24 --far 192.0.2.2/24
far() { "$peer" exec "$guest" "$@"; }
{
    echo "cat > /run/tcp_copy.py <<'PYTHON'"
    cat "$LIB/tcp_copy.py"
    echo PYTHON
    cat <<'GUEST'
set -e
ip addr flush dev lan
ip netns add peer
ip link add r0 type veth peer name p0 netns peer
ip addr add 198.51.100.254/24 dev r0
ip link set r0 up
ip -n peer link set lo up
ip -n peer addr add 198.51.100.1/24 dev p0
ip -n peer link set p0 up
ip -n peer addr add 10.2.0.2/32 dev lo
ip -n peer route add default via 198.51.100.254 src 10.2.0.2
ip -n peer route add 192.0.2.0/24 via 198.51.100.254 src 198.51.100.1
ethtool -K r0 gro off gso off tso off > /dev/null 2>&1 || true
ip netns exec peer ethtool -K p0 gso off tso off > /dev/null 2>&1 || true
GUEST
} | far
gateway_start gw
ip -n "${LAB}gw" route add 198.51.100.0/24 via 192.0.2.2
ip -n "${LAB}gw" route add 10.2.0.0/24 via 192.0.2.2
on gw nft -f - <<'NFT'
table inet arrived {
  counter sealed { }
  chain prerouting { type filter hook prerouting priority raw - 10; ip protocol esp counter name sealed; }
}
NFT
arrived() { on gw nft -j list counter inet arrived sealed | jq '.nftables[1].counter.packets'; }

# tunnel WINDOW [esn]: fresh keys, this replay window at both ends. With ESN a packet from far below the
# window is taken for one of the next 2^32, and fails as false (RFC 4303 A2.2).
tunnel() {
    local out in esn=${2:-}
    out=$(hex_key 20) in=$(hex_key 20)
    load gw <<CONF
flush; spdflush;
add 192.0.2.1 198.51.100.1 esp 0x1001 -m tunnel -r $1 ${esn:+-esn} -E aes-gcm-16 $out;
add 198.51.100.1 192.0.2.1 esp 0x1002 -m tunnel -r $1 ${esn:+-esn} -E aes-gcm-16 $in;
spdadd 10.1.0.0/24 10.2.0.2 any -P out ipsec esp/tunnel/192.0.2.1-198.51.100.1/require;
spdadd 10.2.0.2 10.1.0.0/24 any -P in ipsec esp/tunnel/198.51.100.1-192.0.2.1/require;
CONF
    far <<GUEST
set -e
x() { ip -n peer xfrm "\$@"; }
x state flush
x policy flush
x state add src 192.0.2.1 dst 198.51.100.1 proto esp spi 0x1001 mode tunnel replay-window $1 ${esn:+flag esn} aead 'rfc4106(gcm(aes))' $out 128
x state add src 198.51.100.1 dst 192.0.2.1 proto esp spi 0x1002 mode tunnel replay-window $1 ${esn:+flag esn} aead 'rfc4106(gcm(aes))' $in 128
x policy add src 10.1.0.0/24 dst 10.2.0.2 dir in tmpl src 192.0.2.1 dst 198.51.100.1 proto esp mode tunnel
x policy add src 10.2.0.2 dst 10.1.0.0/24 dir out tmpl src 198.51.100.1 dst 192.0.2.1 proto esp mode tunnel
GUEST
}
# path NETEM...: what the path does to packets, both ways
path() {
    far sh -ec "for device in wan r0; do tc qdisc replace dev \$device root netem $*; done"
    echo "path: $*"
}
# copy: BYTES there, BYTES back, equal at both ends
copy() {
    local sent server
    far sh -c "ip netns exec peer python3 /run/tcp_copy.py serve 10.2.0.2 5001 > /run/serve.log 2>&1 &"
    far_says() { far grep -q "$1" /run/serve.log; }
    wait_for 15 far_says listening
    sent=$(on gw timeout 100 "$PYTHON" "$LIB/tcp_copy.py" send 10.2.0.2 5001 "$1")
    wait_for 20 far_says "$sent"
    background gw serve "$PYTHON" "$LIB/tcp_copy.py" serve 10.1.0.1 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    assert_eq "$(far ip netns exec peer python3 /run/tcp_copy.py send 10.1.0.1 5001 "$1")" "$sent" 'what the kernel sent'
    wait "$server"
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" 'what came from the kernel'
    echo "ok: both ways: $sent"
}
in_verdicts() { status_json gw | jq -c '[.counters.in | .OK, .REPLAY_DUP, .REPLAY_OLD]'; }
# The kernel's packets and replays, of the SA towards it.
kernel_counts() {
    far ip -n peer -s xfrm state get src 192.0.2.1 dst 198.51.100.1 proto esp spi 0x1001 |
        awk '/replay-window/ && /replay [0-9]/ {for (i = 1; i < NF; i++) if ($i == "replay") r = $(i + 1)} /bytes.*packets/ {match($0, /[0-9]+\(packets\)/); p = substr($0, RSTART, RLENGTH) + 0} END {print p + 0, r + 0}'
}
# accounted BEFORE ARRIVED-BEFORE: every ESP packet since is in one of the three counters; OK DUP OLD
accounted() {
    local now=0 came
    came=$(($(arrived) - $2))
    all_counted() { now=$(in_verdicts); (($(jq -n "$now | add") - $(jq -n "$1 | add") == came)); }
    wait_for 5 all_counted "$1"
    now=$(in_verdicts)
    jq -rn "[$now, $1] | transpose | map(.[0] - .[1]) | join(\" \")"
}

say "loss, delay, reordering and duplicates; a window of 1024"
tunnel 1024 esn
reaches gw 10.2.0.2 -I 10.1.0.1
path delay 10ms reorder 75% 50% loss 1% duplicate 3% limit 2000
before=$(in_verdicts) came=$(arrived)
copy 400000
read -r ok dup old <<< "$(accounted "$before" "$came")"
echo "of $((ok + dup + old)) ESP packets that came: $ok carried, $dup duplicates, $old too old"
assert_ge "$dup" 1 'duplicates that came'
assert_eq "$old" 0 'packets before a window of 1024'
read -r theirs replays <<< "$(kernel_counts)"
echo "the kernel: $theirs carried, $replays replays"
assert_ge "$replays" 1 'duplicates the kernel dropped'
read -r sent _ <<< "$(sa_bytes gw 0x1001)"
assert_ge "$sent" "$theirs" 'packets sent, and those the kernel took'
assert_eq "$(verdicts gw | tr ' ' '\n' | grep -vE '^(REPLAY_DUP|REPLAY_OLD|TOO_BIG)=' || true)" '' 'other verdicts'

say "300 packets at once over heavy jitter: a window of four drops what falls behind it, one of 1024 nothing"
tunnel 4
path delay 30ms 25ms limit 2000
# burst: 300 packets at once, of which no two have the same way to go
burst() { far ip netns exec peer python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.2.0.2", 0))
for n in range(300): s.sendto(b"x" * 200, ("10.1.0.1", 9))'; }
# Until they have all come: none is lost here.
all_came() { (($(arrived) - came >= 300)); }
before=$(in_verdicts) came=$(arrived)
burst
wait_for 15 all_came
read -r ok dup old <<< "$(accounted "$before" "$came")"
echo "window 4: $ok carried, $dup duplicates, $old too old"
assert_eq "$dup" 0 'duplicates on a path that makes none'
assert_ge "$old" 1 'packets before a window of 4'
tunnel 1024 esn
before=$(in_verdicts) came=$(arrived)
burst
wait_for 15 all_came
read -r ok dup old <<< "$(accounted "$before" "$came")"
echo "window 1024: $ok carried, $dup duplicates, $old too old"
assert_eq "$dup $old" '0 0' 'drops of a window that is wide enough'
assert_eq "$(verdict gw ICV)" 0 'wrong ICVs'
gateway_stop gw
