#!/usr/bin/env bash
# What a prefix cannot say: a bypass inside a protected network, policies that differ by port or
# protocol, order. The capture on the wire tells which way each packet took.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB 10.2.0.2 and 10.2.0.200
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin policies
offices_up
offices_keys
gateway_start gwA
gateway_start gwB
addr hostB lan 10.2.0.200/24 fd00:2::200/64

# on_wire COMMAND...: runs it with a capture, then says "esp", "clear", "esp clear" or "".
on_wire() {
    capture pub br0 way.pcap ip or ip6
    "$@" > /dev/null 2>&1 || true
    capture_end
    on pub "$PYTHON" -c '
import sys
from esp_witness import *
print(" ".join(sorted({"esp" if View(p).proto == ESP else "clear" for p in capture(sys.argv[1]) if not View(p).is_chatter()})))' "$WORK/way.pcap"
}

knock() { on hostA timeout 1 "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(0.6)
s.connect((sys.argv[1], int(sys.argv[2])))' "$@"; }

say "bypass inside protect: 10.2.0.128/25 goes in clear, the rest of 10.2.0.0/24 sealed"
bypass() { # OURS THEIRS
    echo "spdadd $1 $2 any -P out prio high none; spdadd $2 $1 any -P in prio high none;"
}
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 10.1.0.0/24 10.2.0.0/24 192.0.2.1 192.0.2.2
    policy_pair fd00:1::/64 fd00:2::/64 2001:db8::1 2001:db8::2
    bypass 10.1.0.0/24 10.2.0.128/25
    bypass fd00:1::/64 fd00:2::200/128
} | load gwA
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 10.2.0.0/24 10.1.0.0/24 192.0.2.2 192.0.2.1
    policy_pair fd00:2::/64 fd00:1::/64 2001:db8::2 2001:db8::1
    bypass 10.2.0.128/25 10.1.0.0/24
    bypass fd00:2::200/128 fd00:1::/64
} | load gwB
assert_eq "$(on_wire reaches hostA 10.2.0.2)" esp '10.2.0.2'
assert_eq "$(on_wire reaches hostA 10.2.0.200)" clear '10.2.0.200'
assert_eq "$(on_wire reaches hostA fd00:2::2)" esp 'fd00:2::2'
assert_eq "$(on_wire reaches hostA fd00:2::200)" clear 'fd00:2::200'
reaches hostA 10.2.0.2
reaches hostA 10.2.0.200
reaches hostA fd00:2::200

say "TCP port 80 is protected, everything else is not"
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair 10.1.0.0/24 '10.2.0.0/24[80]' 192.0.2.1 192.0.2.2 tcp
    policy_pair fd00:1::/64 'fd00:2::/64[80]' 2001:db8::1 2001:db8::2 tcp
} | load gwA
{
    echo 'flush; spdflush;'
    cat "$WORK/sas.conf"
    policy_pair '10.2.0.0/24[80]' 10.1.0.0/24 192.0.2.2 192.0.2.1 tcp
    policy_pair 'fd00:2::/64[80]' fd00:1::/64 2001:db8::2 2001:db8::1 tcp
} | load gwB
assert_eq "$(on_wire knock 10.2.0.2 80)" esp 'port 80'
assert_eq "$(on_wire knock 10.2.0.2 81)" clear 'port 81'
assert_eq "$(on_wire knock fd00:2::2 80)" esp 'port 80 over IPv6'
assert_eq "$(on_wire knock fd00:2::2 81)" clear 'port 81 over IPv6'
assert_eq "$(on_wire reaches hostA 10.2.0.2)" clear 'ping'

say "a real connection to port 80"
background hostB serve "$PYTHON" "$LIB/tcp_copy.py" serve 10.2.0.2 80
wait_for 5 grep -q listening "$WORK/serve.log"
on hostA timeout 20 "$PYTHON" "$LIB/tcp_copy.py" send 10.2.0.2 80 1000000

say "order: a port's bypass before the wide protection, added later with a higher priority"
{
    echo 'spdflush;'
    policy_pair 10.1.0.0/24 10.2.0.0/24 192.0.2.1 192.0.2.2
    echo 'spdadd 10.1.0.0/24 10.2.0.0/24[22] tcp -P out prio high none; spdadd 10.2.0.0/24[22] 10.1.0.0/24 tcp -P in prio high none;'
} | load gwA
{
    echo 'spdflush;'
    policy_pair 10.2.0.0/24 10.1.0.0/24 192.0.2.2 192.0.2.1
    echo 'spdadd 10.2.0.0/24[22] 10.1.0.0/24 tcp -P out prio high none; spdadd 10.1.0.0/24 10.2.0.0/24[22] tcp -P in prio high none;'
} | load gwB
assert_eq "$(on_wire knock 10.2.0.2 22)" clear 'port 22'
assert_eq "$(on_wire knock 10.2.0.2 23)" esp 'port 23'
assert_eq "$(on_wire reaches hostA 10.2.0.2)" esp 'ping'

say "discard: nothing leaves, in clear or sealed"
echo 'spdadd 10.1.0.0/24 10.2.0.0/24 icmp -P out prio high + 10 discard;' | sk gwA -c
assert_eq "$(on_wire silent hostA 10.2.0.2)" '' 'discarded ping'
assert_eq "$(on_wire knock 10.2.0.2 23)" esp 'port 23 beside it'
