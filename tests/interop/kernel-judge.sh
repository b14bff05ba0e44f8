#!/usr/bin/env bash
# The kernel as judge: kernel-judge.commands, some hundred `ip xfrm` commands and what is wrong with
# them, run by the same ip in front of a real kernel's XFRM and of cygnetd; what ip says, its status
# and what `ip xfrm monitor` hears are compared. A difference that stays is listed, with its reason,
# in kernel-judge.differences; one that is not there fails, and so does one that is there in vain.
#
#   namespace gw: cygnetd; a relay takes the sentences out of its refusals, so that ip shows the errno
#   the guest: a kernel
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
here=$ROOT/tests/interop
peer=$ROOT/tests/kernel-peer/kernel-peer.sh

lab_begin kernel-judge
ns_add gw
stub gw lan0
addr gw lan0 192.0.2.1/24 2001:db8::1/64
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw"
gateway_start gw

# In front of whom, and where it puts its files.
script() {
    cat <<SCRIPT
HERE=$here
ip xfrm monitor >> $1/monitor 2>&1 &
monitor=\$!
n=0
until grep -q Flushed $1/monitor || [ \$n = 50 ]; do
    ip xfrm policy update src 192.0.2.9 dst 192.0.2.9 dir in
    ip xfrm policy flush
    sleep 0.1
    n=\$((n + 1))
done
sleep 0.2
: > $1/monitor
$(cat "$here/kernel-judge.commands")
sleep 0.2
kill \$monitor
echo
echo '## monitor'
cat $1/monitor
SCRIPT
}

say "in front of a kernel, and of cygnetd"
script /run | KERNEL_PEER_EXEC_TIMEOUT=240 "$peer" exec "$guest" > "$WORK/kernel.txt" 2> "$WORK/kernel.log" &
kernel=$!
background gw relay "$PYTHON" "$here/xfrm_relay.py" "$(socket_of gw)" "$WORK/relay.sock"
wait_for 5 test -S "$WORK/relay.sock"
script "$WORK" > "$WORK/script.sh"
on gw env CYGNET_SOCKET="$WORK/relay.sock" "$BIN/cygnet" exec sh "$WORK/script.sh" > "$WORK/cygnetd.txt"
wait "$kernel" || fail "the commands did not run in front of the kernel"

say "the judgement"
"$PYTHON" "$here/kernel_judge.py" "$WORK/kernel.txt" "$WORK/cygnetd.txt" "$here/kernel-judge.differences"
echo "kernel-judge: all is as it should be"
