#!/usr/bin/env bash
# A gateway that stops, and one that is killed: nothing private ever leaves in clear meanwhile, and
# the same file loaded again brings the tunnel back without a word to the other side.
#
#   hostA --- gwA (stops, is killed) ===[ pub: records ]=== gwB (goes on) --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin restart
offices_open
reaches hostA 10.2.0.2
reaches hostA fd00:2::2

# The control of both captures: what no policy covers does leave in clear, and is seen.
ip -n "${LAB}gwB" route add blackhole 10.99.0.0/16

say "killed: the guard takes over, nothing leaves in clear"
capture pub br0 dead.pcap
gateway_kill gwA
silent hostA 10.2.0.2
silent hostA fd00:2::2
silent hostA 10.22.0.2 -I 10.11.0.2
silent hostB 10.1.0.2
silent hostA 10.99.0.1
capture_end
on pub "$PYTHON" - "$WORK/dead.pcap" <<'PYTHON'
import sys
from esp_witness import *
clear = [str(v) for v in map(View, capture(sys.argv[1])) if v.proto != ESP and not v.is_chatter() and not v.is_refusal_of_esp()]
control = [v for v in clear if " 10.99.0.1" in v]
assert control, f"the capture has not even what must leave in clear: {clear}"
assert clear == control, f"left in clear: {clear}"
print(f"ok: nothing in clear but {len(control)} of the control")
PYTHON

say "started again: the guard stays until the policies are back"
gateway_start gwA
capture pub br0 empty.pcap icmp and net 10.0.0.0/8
silent hostA 10.2.0.2
silent hostA 10.99.0.1
capture_end
seen=$(on pub tcpdump -nnr "$WORK/empty.pcap" 2> "$WORK/tcpdump.log") || fail 'tcpdump cannot read its own file'
assert_ge "$(grep -c '> 10\.99\.0\.1: ICMP echo request' <<< "$seen")" 1 'packets of the control'
assert_eq "$(grep -v '> 10\.99\.0\.1: ICMP' <<< "$seen")" '' 'left in clear before the policies were loaded'
offices_load A
reaches hostA 10.2.0.2
reaches hostA fd00:2::2
reaches hostB 10.1.0.2
reaches hostB fd00:11::2 -I fd00:22::2
assert_eq "$(verdict gwB REPLAY_OLD)$(verdict gwB REPLAY_DUP)" 00 'replays seen by the other side'

say "ten more deaths in a row"
for _ in {1..10}; do
    gateway_kill gwA
    gateway_start gwA
    offices_load A
done
reaches hostA 10.2.0.2
reaches hostA fd00:2::2
assert_eq "$(on gwA ip rule | grep -c 'lookup 219')" 1 'rules after all that'

say "the device is deleted: an end that says so, and the guard takes over"
capture pub br0 deleted.pcap icmp and net 10.0.0.0/8
ip -n "${LAB}gwA" link del cyg0
gateway_ends gwA 1
grep -q 'TUN device "cyg0" was deleted' "$WORK/cygnetd-gwA.log" || fail 'the log does not say what happened'
silent hostA 10.2.0.2
silent hostA 10.99.0.1
capture_end
seen=$(on pub tcpdump -nnr "$WORK/deleted.pcap" 2> "$WORK/tcpdump.log") || fail 'tcpdump cannot read its own file'
assert_ge "$(grep -c '> 10\.99\.0\.1: ICMP echo request' <<< "$seen")" 1 'packets of the control'
assert_eq "$(grep -v '> 10\.99\.0\.1: ICMP' <<< "$seen")" '' 'left in clear after the device was deleted'
gateway_start gwA
offices_load A
reaches hostA 10.2.0.2
reaches hostB fd00:1::2

say "a clean stop and start"
gateway_stop gwA
gateway_start gwA
offices_load A
reaches hostA 10.2.0.2
reaches hostB fd00:1::2
gateway_stop gwA
gateway_stop gwB
