#!/usr/bin/env bash
# ESP in UDP with a real Linux kernel as the far gateway (topology: kernel.sh): both outer families,
# two suites, 4500 and other ports, pings around the MTU both ways, TCP both ways with equal hashes;
# what either end drops when only the other one encapsulates.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh

lab_begin kernel-udp
ns_add gw
stub gw lan0
addr gw lan0 10.1.0.1/24 fd00:1::1/64

say "boot the kernel"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw" --near 192.0.2.1/24 --near 2001:db8::1/64 \
    --far 192.0.2.2/24 --far 2001:db8::2/64 --protected 10.2.0.2/32 --protected fd00:2::2/128
far() { "$peer" exec "$guest" "$@"; }
far ip route add default via 192.0.2.1
far ip -6 route add default via 2001:db8::1
far ip route add 10.1.0.0/24 via 192.0.2.1 src 10.2.0.2
far ip -6 route add fd00:1::/64 via 2001:db8::1 src fd00:2::2
{
    echo "cat > /run/tcp_copy.py <<'PYTHON'"
    cat "$LIB/tcp_copy.py"
    echo PYTHON
} | far
# The kernel takes ESP out of UDP only at a socket that says so: UDP_ENCAP, UDP_ENCAP_ESPINUDP.
far <<'GUEST'
python3 - > /run/encap.log 2>&1 <<'PYTHON' &
import socket, time
kept = []
for family, port in ((socket.AF_INET, 4500), (socket.AF_INET6, 4500), (socket.AF_INET, 61000), (socket.AF_INET6, 61000)):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("", port))
    s.setsockopt(socket.IPPROTO_UDP, 100, 2)
    kept.append(s)
print("ready", flush=True)
time.sleep(100000)
PYTHON
GUEST
far_ready() { far grep -q ready /run/encap.log; }
wait_for 10 far_ready
gateway_start gw
ip -n "${LAB}gw" route add 10.2.0.0/24 via 192.0.2.2
ip -n "${LAB}gw" -6 route add fd00:2::/64 via 2001:db8::2

declare -A OUTER=([4]='192.0.2.1 192.0.2.2' [6]='2001:db8::1 2001:db8::2')
declare -A INNER=([4]='10.1.0.1 10.2.0.2 10.1.0.0/24 10.2.0.2/32 28' [6]='fd00:1::1 fd00:2::2 fd00:1::/64 fd00:2::2/128 48')

# both FAMILY PORT-HERE PORT-THERE SUITE [ours|theirs]: SAs and policies of both ends; the last word
# says who encapsulates, if only one does.
spi=0x1000
both() {
    local near far_end here=$2 there=$3 suite=$4 who=${5:-both} direction setkey='' xfrm='' key mac src dst sport dport
    local net_near net_far _
    read -r near far_end <<< "${OUTER[$1]}"
    read -r _ _ net_near net_far _ <<< "${INNER[$1]}"
    for direction in out in; do
        spi=$((spi + 1))
        src=$near dst=$far_end sport=$here dport=$there
        [[ $direction == in ]] && src=$far_end dst=$near sport=$there dport=$here
        local words kernel udp=esp-udp ends="[$sport] " encap="encap espinudp $sport $dport 0.0.0.0" ports="[$dport] "
        [[ $1 == 6 ]] && encap="encap espinudp $sport $dport ::"
        [[ $who == theirs ]] && udp=esp ends='' ports=''
        [[ $who == ours ]] && encap=''
        if [[ $suite == gcm ]]; then
            key=$(hex_key 20)
            words="-r 64 -E aes-gcm-16 $key" kernel="replay-window 32 aead 'rfc4106(gcm(aes))' $key 128"
        else
            key=$(hex_key 32) mac=$(hex_key 32)
            words="-r 64 -esn -E aes-cbc $key -A hmac-sha2-256 $mac"
            kernel="replay-window 64 flag esn enc 'cbc(aes)' $key auth-trunc 'hmac(sha256)' $mac 128"
        fi
        setkey+="add $src $ends $dst $ports $udp $spi -m tunnel $words;"$'\n'
        xfrm+="ip xfrm state add src $src dst $dst proto esp spi $spi mode tunnel $kernel $encap"$'\n'
    done
    load gw <<CONF
flush; spdflush;
$setkey
spdadd $net_near $net_far any -P out ipsec esp/tunnel/$near-$far_end/require;
spdadd $net_far $net_near any -P in ipsec esp/tunnel/$far_end-$near/require;
CONF
    far <<GUEST
set -e
ip xfrm state flush
ip xfrm policy flush
$xfrm
ip xfrm policy add src $net_near dst $net_far dir in tmpl src $near dst $far_end proto esp mode tunnel
ip xfrm policy add src $net_near dst $net_far dir fwd tmpl src $near dst $far_end proto esp mode tunnel
ip xfrm policy add src $net_far dst $net_near dir out tmpl src $far_end dst $near proto esp mode tunnel
GUEST
}
kernel_stat() { far awk -v name="$1" '$1 == name {print $2}' /proc/net/xfrm_stat; }

for family in 4 6; do
    read -r near far_end net_near net_far headers <<< "${INNER[$family]}"
    for suite in gcm cbc-esn; do
        for ports in '4500 4500' '4501 61000'; do
            read -r here there <<< "$ports"
            say "IPv$family, $suite, ports $here and $there"
            both "$family" "$here" "$there" "$suite"
            before=$(far cat /proc/net/xfrm_stat) ours=$(verdicts gw)
            mtu=$(on gw ip route get "$far_end" from "$near" | grep -o 'mtu [0-9]*' | cut -d' ' -f2)
            for size in 0 1 2 3 4 17 100 $((mtu - headers - 1)) $((mtu - headers)); do
                reaches gw "$far_end" -I "$near" -M do -s "$size"
            done
            far sh -ec "for size in 0 1 2 3 100 $((mtu - headers)); do ping -q -n -c 1 -W 3 -M do -s \$size -I $far_end $near; done" > /dev/null
            assert_eq "$(verdicts gw)" "$ours" 'our verdicts'
            assert_eq "$(far cat /proc/net/xfrm_stat)" "$before" "the kernel's counters"
            echo "ok: inner MTU $mtu"
        done
    done
    say "IPv$family: TCP both ways"
    background gw serve "$PYTHON" "$LIB/tcp_copy.py" serve "$near" 5001
    server=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve.log"
    sent=$(far python3 /run/tcp_copy.py send "$near" 5001 3000000)
    wait "$server"
    assert_eq "$(tail -n 1 "$WORK/serve.log")" "$sent" 'what we received'
    far sh -c "python3 /run/tcp_copy.py serve $far_end 5001 > /run/serve.log 2>&1 &"
    far_listens() { far grep -q listening /run/serve.log; }
    wait_for 10 far_listens
    sent=$(on gw timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$far_end" 5001 3000000)
    far_has() { far grep -q "$sent" /run/serve.log; }
    wait_for 10 far_has
    echo "ok: $sent"
done

say "only one end encapsulates: both drop it, and say the same"
both 4 4500 4500 gcm ours
before=$(kernel_stat XfrmInStateMismatch)
silent gw 10.2.0.2 -I 10.1.0.1
assert_eq "$(kernel_stat XfrmInStateMismatch)" $((before + 1)) 'XfrmInStateMismatch'
moves_by_one gw ENCAP far sh -c 'ping -q -n -c 1 -W 1 -I 10.2.0.2 10.1.0.1 > /dev/null || true'
both 4 4500 4500 gcm theirs
# Some other SA keeps our port open.
echo "add 192.0.2.2 [4500] 192.0.2.1 [4500] esp-udp 0x999 -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);" | sk gw -c
before=$(kernel_stat XfrmInStateMismatch)
silent gw 10.2.0.2 -I 10.1.0.1
assert_eq "$(kernel_stat XfrmInStateMismatch)" $((before + 1)) 'XfrmInStateMismatch'
moves_by_one gw ENCAP far sh -c 'ping -q -n -c 1 -W 1 -I 10.2.0.2 10.1.0.1 > /dev/null || true'
gateway_stop gw
