#!/usr/bin/env bash
# The two guards. Leak: traffic for a protected destination never leaves in clear, whatever happens
# to cygnetd meanwhile. Spoof: cleartext from outside that claims to come from behind the tunnel
# never enters, to the gateway itself or through it. IPv4 and IPv6.
#
#   hostA --- gwA (stops, is killed, fails) ===[ pub: records, and lies ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin guard
offices_open
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

# ---- tools -----------------------------------------------------------------------------------

# traffic_on, traffic_off: pings without end, every 20 ms, from the host and from the gateway.
TRAFFIC=()
traffic_on() {
    local number
    for number in 10.2.0.2 fd00:2::2; do
        background hostA "ping-host-$number" ping -n -i 0.02 "$number"
        TRAFFIC+=("$LAST_PID")
    done
    background gwA ping-gw-4 ping -n -i 0.02 -I 10.1.0.1 10.2.0.2
    TRAFFIC+=("$LAST_PID")
    background gwA ping-gw-6 ping -n -i 0.02 -I fd00:1::1 fd00:2::2
    TRAFFIC+=("$LAST_PID")
}
traffic_off() {
    kill -INT "${TRAFFIC[@]}"
    wait "${TRAFFIC[@]}" 2> /dev/null || true
    TRAFFIC=()
}
# in_clear FILE: what of the offices' addresses a capture saw outside ESP.
in_clear() {
    on pub "$PYTHON" - "$WORK/$1" <<'PYTHON'
import sys
from esp_witness import *
inner = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "fd00::/16")]
for v in map(View, capture(sys.argv[1])):
    if any(n.version == v.version and (v.src in n or v.dst in n) for n in inner) and not v.is_chatter():
        print(v)
PYTHON
}
# never_in_clear WHAT COMMAND...: runs it under traffic, with a capture on the public wire.
never_in_clear() {
    local what=$1
    shift
    say "never in clear: $what"
    capture pub br0 leak.pcap ip or ip6
    traffic_on
    sleep 0.3
    "$@"
    sleep 0.3
    traffic_off
    capture_end
    assert_eq "$(in_clear leak.pcap | sort | uniq -c | head -n 5)" '' "$what: in clear on the wire"
}

# lie CODE: python in the attacker's namespace, whose routes lead through gwA.
ip -n "${LAB}pub" route add 10.1.0.0/24 via 192.0.2.1
ip -n "${LAB}pub" -6 route add fd00:1::/64 via 2001:db8::1
lie() {
    on pub "$PYTHON" - <<PYTHON
from esp_witness import *
$1
PYTHON
}
LIES4='send_ip(echo("10.2.0.2", "10.1.0.2", payload=b"a lie")); send_ip(udp("10.2.0.9", "10.1.0.2", 53, 5353, b"a lie")); send_ip(tcp("10.2.0.2", "10.1.0.2", 80, 4000, 1, b"a lie"))'
LIES6='send_ip(echo("fd00:2::2", "fd00:1::2", payload=b"a lie")); send_ip(udp("fd00:2::9", "fd00:1::2", 53, 5353, b"a lie")); send_ip(tcp("fd00:2::2", "fd00:1::2", 80, 4000, 1, b"a lie"))'
# In two fragments: the second shows no ports.
LIES4+='; p = udp("10.2.0.2", "10.1.0.2", 53, 5353, b"a lie" * 8)[20:]; send_ip(ip("10.2.0.2", "10.1.0.2", 17, p[:24], ident=7, flags=0x2000)); send_ip(ip("10.2.0.2", "10.1.0.2", 17, p[24:], ident=7, flags=3))'
# drops: how many packets the guard has dropped.
drops() { verdict gwA IN_CLEARTEXT; }
answers() { on pub "$PYTHON" -c '
import sys
from esp_witness import *
print(sum(1 for v in map(View, capture(sys.argv[1])) if b"a lie" in v.data))' "$WORK/$1"; }
# never_enters WHAT: none of the lies gets to the LAN or is answered by the gateway.
never_enters() {
    capture hostA lan lies.pcap ip or ip6
    lie "$LIES4"
    lie "$LIES6"
    capture_end
    assert_eq "$(answers lies.pcap)" 0 "$1: lies on the LAN"
    # To the gateway itself: an answer would go through the tunnel, or into it.
    capture gwA any local.pcap 'icmp[icmptype] = icmp-echoreply or icmp6[icmp6type] = icmp6-echoreply'
    lie 'send_ip(echo("10.2.0.2", "10.1.0.1", payload=b"a lie")); send_ip(echo("fd00:2::2", "fd00:1::1", payload=b"a lie"))'
    capture_end
    assert_eq "$(answers local.pcap)" 0 "$1: lies answered by the gateway"
    echo "ok: $1"
}

# ---- spoof guard -----------------------------------------------------------------------------

say "cleartext that claims to come from behind the tunnel"
before=$(drops)
never_enters 'with the tunnel up'
assert_eq $(($(drops) - before)) 10 'packets the guard counts'
assert_match "$(cy gwA status)" 'came in clear and a policy protects it' status
moves_by_one gwA IN_CLEARTEXT lie 'send_ip(echo("10.2.0.2", "10.1.0.2"))'
reaches hostA 10.2.0.2
reaches hostB fd00:1::2

say "what claims nothing of the kind is let alone"
capture hostA lan honest.pcap ip or ip6
lie 'send_ip(echo("192.0.2.9", "10.1.0.2", payload=b"not a lie")); send_ip(echo("2001:db8::9", "fd00:1::2", payload=b"not a lie"))'
capture_end
assert_ge "$(answers honest.pcap)" 2 'honest packets and their answers on the LAN'
reaches hostA 10.1.0.1
reaches gwA fd00:1::2
reaches pub 192.0.2.1
reaches pub 2001:db8::1

say "bypass above protection, level use, discard"
echo 'spdadd 10.2.0.9 10.1.0.0/24 udp -P in prio high none; spdadd 10.2.0.8 10.1.0.0/24 any -P in prio high ipsec esp/tunnel/192.0.2.2-192.0.2.1/use;
spdadd 10.66.0.0/16 10.1.0.0/24 any -P in discard;' | sk gwA -c
capture hostA lan allowed.pcap udp
lie 'send_ip(udp("10.2.0.9", "10.1.0.2", 53, 5353, b"a lie, allowed")); send_ip(udp("10.2.0.8", "10.1.0.2", 53, 5353, b"a lie, allowed"))'
lie 'send_ip(udp("10.66.0.9", "10.1.0.2", 53, 5353, b"a lie")); send_ip(udp("10.2.0.7", "10.1.0.2", 53, 5353, b"a lie"))'
capture_end
assert_eq "$(answers allowed.pcap)" 2 'what bypass and level use allow'
echo 'spddelete 10.2.0.9 10.1.0.0/24 udp -P in; spddelete 10.2.0.8 10.1.0.0/24 any -P in; spddelete 10.66.0.0/16 10.1.0.0/24 any -P in;' | sk gwA -c
never_enters 'after the exceptions went'

say "a firewall that is loaded anew flushes our tables: they come back"
on gwA nft flush ruleset
wait_for 5 eval 'on gwA nft list tables | grep -q cygnet_guard'
wait_for 5 eval 'on gwA nft list tables | grep -q "cygnet$"'
never_enters 'after nft flush ruleset'

# ---- leak guard, and spoof guard meanwhile ---------------------------------------------------

load_again() {
    offices_load A
    assert_eq "$(on gwA nft list tables | grep -c cygnet_guard)" 2 'guards: the old one waits for policies still to come'
}
# Not spdflush: with it the policies are gone, and what they protected is free to leave, as with the
# kernel's own XFRM.
no_sa() { echo 'flush;' | sk gwA -c && sleep 0.3 && offices_keys && sk gwA -f "$WORK/sas.conf"; }
replace() {
    for _ in 1 2 3; do
        sed 's/spdadd/spdupdate/' "$WORK/gwA.conf" | grep spdupdate > "$WORK/replace.conf"
        sk gwA -f "$WORK/replace.conf" || fail 'spdupdate'
    done
}
never_in_clear 'while an SA is missing' no_sa
offices_load B # its new keys
never_in_clear 'while policies are replaced' replace
never_in_clear 'after kill -9' gateway_kill gwA
never_enters 'after kill -9'
never_in_clear 'a start after a crash, before the first policy' gateway_start gwA
never_enters 'after the start, before the first policy'
never_in_clear 'policies come again' load_again
never_enters 'policies are back'
wait_for 8 eval '(($(on gwA nft list tables | grep -c cygnet_guard) == 1))'
never_enters 'the old guard is gone'

say "a start that fails leaves its predecessor's guards alone"
gateway_kill gwA
fails_to_start() {
    refused on gwA timeout 5 "$BIN/cygnetd" --socket "$(socket_of gwA)" --state-dir "$(state_of gwA)" "$@"
}
stub gwA taken
never_in_clear 'no TUN device to be had' fails_to_start --tun taken
never_enters 'no TUN device to be had'
mkdir -p "$WORK/not-a-socket/xfrm.sock"
never_in_clear 'no socket to be had' fails_to_start --tun cyg0 --socket "$WORK/not-a-socket/xfrm.sock"
# Descriptors run out earlier and later in the start, in the end after all guards are in place.
failures_of_all_kinds() {
    local descriptors status
    for descriptors in {5..60}; do
        status=0
        on gwA bash -c "ulimit -n $descriptors; exec timeout -s KILL 2 '$BIN/cygnetd' --tun cyg0 --socket '$(socket_of gwA)' --state-dir '$(state_of gwA)'" \
            >> "$WORK/failures.log" 2>&1 || status=$?
        ((status == 137)) && break # it runs, and is killed
        assert_ge "$(on gwA nft list tables | grep -c cygnet_guard)" 1 "guards after a start with $descriptors descriptors"
    done
    assert_eq "$status" 137 'status with enough descriptors'
    assert_ge "$descriptors" 12 'starts that failed'
    grep -q 'cannot set up the packet thread' "$WORK/failures.log" || fail 'no start failed behind the guards'
}
never_in_clear 'descriptors run out' failures_of_all_kinds
never_enters 'after all those starts'
gateway_start gwA --tun cyg7 # under another name, too
offices_load A
reaches hostA 10.2.0.2
reaches hostB fd00:1::2
never_enters 'with another device'

say "a clean stop removes both guards"
gateway_stop gwA
assert_eq "$(on gwA nft list ruleset)" '' 'nftables after a clean stop'
capture hostA lan after.pcap icmp
lie 'send_ip(echo("10.2.0.2", "10.1.0.2", payload=b"a lie"))'
capture_end
assert_ge "$(answers after.pcap)" 1 'what is on the LAN when nobody guards it'
capture pub br0 free.pcap ip or ip6
silent hostA 10.2.0.2
silent hostA fd00:2::2
capture_end
assert_ge "$(in_clear free.pcap | wc -l)" 2 'what is on the wire when nobody guards it'
