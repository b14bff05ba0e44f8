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

say "killed: the guard takes over, nothing leaves in clear"
capture pub br0 dead.pcap
gateway_kill gwA
silent hostA 10.2.0.2
silent hostA fd00:2::2
silent hostA 10.22.0.2 -I 10.11.0.2
silent hostB 10.1.0.2
capture_end
on pub "$PYTHON" - "$WORK/dead.pcap" <<'PYTHON'
import sys
from esp_witness import *
clear = [str(v) for v in map(View, capture(sys.argv[1])) if v.proto != ESP and not v.is_chatter() and not v.is_refusal_of_esp()]
assert not clear, f"left in clear: {clear}"
print("ok: nothing in clear")
PYTHON

say "started again: the guard stays until the policies are back"
gateway_start gwA
capture pub br0 empty.pcap icmp and net 10.0.0.0/8
silent hostA 10.2.0.2
capture_end
assert_eq "$(on pub tcpdump -nr "$WORK/empty.pcap" 2> /dev/null)" '' 'left in clear before the policies were loaded'
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

say "a clean stop and start"
gateway_stop gwA
gateway_start gwA
offices_load A
reaches hostA 10.2.0.2
reaches hostB fd00:1::2
gateway_stop gwA
gateway_stop gwB
