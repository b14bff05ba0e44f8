#!/usr/bin/env bash
# charon on cygnetd against charon on a real Linux kernel's own ESP, both Debian's, both unchanged:
#
#   +-- namespace gw ------------+                        +-- Linux as a process (user-mode-linux) --+
#   | charon, cygnetd            |   namespace mid        |  charon, the kernel's XFRM               |
#   | lan0 10.1.N.1   10.9.0.1 ==|== .254   192.0.2.1 ====|== wan 192.0.2.2         lan 10.2.N.2     |
#   +----------------------------+   (later: a NAT)       +------------------------------------------+
#
# Every suite both ways with equal counters, rekeyed by either end and by either end's soft limits under load
# without a packet lost, a trap of either end with its first packet, cygnetd killed, ESP in UDP asked for and
# through a NAT, and a peer that is gone, on either side. The kernel's own counters of what it dropped stay at zero.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
# shellcheck source=tests/lib/guest_charon.sh
source "$LIB/guest_charon.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh
lab_begin strongswan-kernel
ns_add gw mid
stub gw lan0
addr gw lan0 10.1.{0..6}.1/24
veth gw wan mid in0
addr gw wan 10.9.0.1/24
addr mid in0 10.9.0.254/24
ip -n "${LAB}gw" route add default via 10.9.0.254
forwarding_on mid

say "boot the kernel, start both charons"
guest=$WORK/guest
at_end "$peer" stop "$guest"
protected=()
for n in {0..6}; do protected+=(--protected "10.2.$n.2/24"); done
"$peer" start "$guest" --netns "${LAB}mid" "${protected[@]}"
in_guest ip route add 10.9.0.0/24 via 192.0.2.1
# The kernel drops what waits for an SA, unless it is told to keep it.
in_guest sh -c 'echo 0 > /proc/sys/net/core/xfrm_larval_drop'
guest_modules
at_end show_guest_charon

SUITES=(aes256gcm16 aes256-sha256-esn chacha20poly1305)
SOFT='rekey_packets=200 rand_packets=0 life_packets=1000000'
# configure SETTINGS [NEAR]: both ends; NEAR is where the guest sees gw. net3 and net5 are gw's to rekey and
# to begin, net4 and net6 the guest's.
configure() {
    local n own=() other=()
    for n in 0 1 2; do
        own+=("net$n 10.1.$n.0/24 10.2.$n.0/24 esp_proposals=${SUITES[n]}")
        other+=("net$n 10.2.$n.0/24 10.1.$n.0/24 esp_proposals=${SUITES[n]}")
    done
    for n in 3 4 5 6; do
        own+=("net$n 10.1.$n.0/24 10.2.$n.0/24 esp_proposals=aes128gcm16")
        other+=("net$n 10.2.$n.0/24 10.1.$n.0/24 esp_proposals=aes128gcm16")
    done
    own[3]+=" $SOFT" own[5]+=" start_action=trap"
    other[4]+=" $SOFT" other[6]+=" start_action=trap"
    swan_connection 10.9.0.1 192.0.2.2 "$1" "${own[@]}" | named > "$WORK/gw.conf"
    swan_connection 192.0.2.2 "${2:-10.9.0.1}" "$1" "${other[@]}" | named | guest_charon
    swan_load gw < "$WORK/gw.conf"
}
named() { sed -E 's/(id|id-.) = (10.9.0.1|192.0.2.1)$/\1 = gw/; s/(id|id-.) = 192.0.2.2$/\1 = guest/'; }
FAST=("retransmit_timeout = 1" "retransmit_base = 1.2" "retransmit_tries = 5") # ten seconds
gateway_start gw
charon_start gw "${FAST[@]}"
configure ''

up() { swan gw --initiate --child "$1" > "$WORK/initiate.log" || fail "$1 did not come up: $(tail -n 5 "$WORK/initiate.log")"; }
both_ways() { # N
    reaches gw "10.2.$1.2" -I "10.1.$1.1"
    in_guest ping -q -c 1 -W 2 -I "10.2.$1.2" "10.1.$1.1" > /dev/null || fail "no ping from the guest through net$1"
}
# counted COMMAND...: "IN-BYTES IN-PACKETS OUT-BYTES OUT-PACKETS" of what --list-sas shows.
counted() { "$@" | tr -d , | awk '$1 == "in" {i = $3 " " $5} $1 == "out" {o = $3 " " $5} END {print i, o}'; }
for n in 0 1 2; do
    say "${SUITES[n]}"
    up "net$n"
    both_ways $n
    assert_eq "$(counted swan gw --list-sas --child "net$n")" '168 2 168 2' "bytes and packets in and out of net$n, by swanctl"
    assert_eq "$(counted guest_swan --list-sas --child "net$n")" '168 2 168 2' "the guest's"
done
assert_match "$(swan gw --list-sas)" 'AES_GCM_16-256.*AES_CBC-256/HMAC_SHA2_256_128/ESN.*CHACHA20_POLY1305' "what was agreed on"

# load N COUNT: pings through netN; load_ends: none of them was lost.
load() {
    pings=$2
    background gw ping ping -q -n -i 0.005 -c "$2" -I "10.1.$1.1" "10.2.$1.2"
    pinger=$LAST_PID
}
load_ends() {
    wait "$pinger" || true
    grep -q "$pings packets transmitted, $pings received" "$WORK/ping.log" || fail "packets were lost: $(cat "$WORK/ping.log")"
}
established() { grep -c "CHILD_SA $1{[0-9]*} established" "$WORK/charon-gw.log" || true; }
has() { (($(established "$1") >= $2)); }
say "rekeyed by either end's word, under load"
load 0 300
swan gw --rekey --child net0 > /dev/null
wait_for 10 has net0 2
# A rekeying that begins while another one ends is refused.
settled() { [[ $(swan gw --list-sas --child net0 | grep -c 'net0:') == 1 && $(guest_swan --list-sas --child net0 | grep -c 'net0:') == 1 ]]; }
wait_for 10 settled
guest_swan --rekey --child net0 > /dev/null
wait_for 10 has net0 3
load_ends

for n in 3 4; do
    say "rekeyed by the soft limit of $([[ $n == 3 ]] && echo cygnetd || echo the kernel), under load"
    up "net$n"
    load $n 900
    load_ends
    assert_ge "$(established "net$n")" 4 "CHILD_SAs of net$n"
done

say "a trap of either end: the first packet is not lost"
reaches gw 10.2.5.2 -I 10.1.5.1 -W 5
charon_said gw 'creating acquire job for policy 10.1.5.1/32' || fail "no ACQUIRE of cygnetd's"
in_guest ping -q -c 1 -W 5 -I 10.2.6.2 10.1.6.1 > /dev/null || fail "the kernel's first packet was lost"
in_guest grep -q 'creating acquire job for policy 10.2.6.2/32' /run/swan/charon.log || fail "no ACQUIRE of the kernel's"

say "cygnetd is killed: nothing in clear; and started again: new SAs by themselves"
spis() { in_guest ip xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort; }
capture mid in0 clear.pcap 'net 10.1.0.0/16 or net 10.2.0.0/16'
before=$(spis)
gateway_kill gw
silent gw 10.2.0.2 -I 10.1.0.1
capture_end
assert_eq "$(on mid tcpdump -nr "$WORK/clear.pcap" 2> /dev/null)" '' 'left in clear'
gateway_start gw
answers() { on gw ping -q -n -c 1 -W 1 -I "10.1.$1.1" "10.2.$1.2"; }
for n in {0..6}; do wait_for 20 answers "$n"; done
for n in {0..6}; do both_ways "$n"; done
stale() { [[ -n $(comm -12 <(echo "$before") <(spis)) ]]; }
renewed() { ! stale; }
wait_for 10 renewed

say "in UDP, because one end asks for it"
swan gw --terminate --ike site > /dev/null
configure encap=yes
up net0
assert_match "$(in_guest ip xfrm state)" 'encap type espinudp sport 4500 dport 4500' "the kernel's SAs"
both_ways 0

say "in UDP through a NAT"
swan gw --terminate --ike site > /dev/null
on mid nft -f - << 'NFT'
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname kp0 udp sport 4500 snat to 192.0.2.1:20000
    oifname kp0 ip saddr 10.9.0.1 masquerade
  }
}
NFT
on mid "$PYTHON" "$LIB/conntrack_flush.py"
configure encap=no 192.0.2.1
for n in 0 1 2; do
    up "net$n"
    both_ways $n
done
charon_said gw 'local host is behind NAT' || fail "charon did not find the NAT"
assert_match "$(in_guest ip xfrm state)" 'src 192.0.2.1 dst 192.0.2.2.*encap type espinudp sport 20000 dport 4500' "the kernel's SAs"
load 0 200
swan gw --rekey --child net0 > /dev/null
load_ends
assert_eq "$("$peer" stat "$guest")" '' "what the kernel has dropped"

say "a peer that is gone is noticed by either side, and its SAs go"
swan gw --terminate --ike site > /dev/null
on mid nft delete table ip nat
on mid "$PYTHON" "$LIB/conntrack_flush.py"
configure dpd_delay=1s
up net0
both_ways 0
kill -KILL "${CHARON_PID[gw]}"
wait "${CHARON_PID[gw]}" 2> /dev/null || true
guest_alone() { [[ -z $(guest_swan --list-sas) && $(in_guest ip xfrm state | grep -c 'proto esp') == 0 ]]; }
wait_for 40 guest_alone
ex gw ip xfrm state flush
ex gw ip xfrm policy flush
charon_start gw "${FAST[@]}"
swan_load gw < "$WORK/gw.conf"
up net0
both_ways 0
in_guest sh -c 'kill -KILL $(cat /run/charon.pid)'
gw_alone() { [[ -z $(swan gw --list-sas) ]]; }
wait_for 40 gw_alone
assert_eq "$(ex gw ip xfrm state | grep -c 'proto esp')" 0 "SAs that charon left behind"
charon_said gw 'sending DPD request' || fail "charon has not looked for its peer"
echo "charon on cygnetd and charon on a kernel: all is as it should be"
