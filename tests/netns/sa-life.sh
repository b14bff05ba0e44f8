#!/usr/bin/env bash
# The life of SAs: limits end them to the packet, and listeners hear of it; SPIs are set aside; the
# first packet of a tunnel without SAs waits until they come.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB        listeners sit on gwA's control socket
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin sa-life
offices_open

# listen LOG GROUPS [COMMAND]: events of gwA into $WORK/LOG.log
listen() {
    background gwA "$1" "$PYTHON" "$LIB/xfrm_events.py" "$(socket_of gwA)" "${@:2}"
    LISTENER=$LAST_PID
    wait_for 5 grep -q listening "$WORK/$1.log"
}
events() { grep -v listening "$WORK/$1.log" || true; }
gone() { ! sk gwA -D | grep -qi "$1"; }
carried() { [[ $(sa_bytes gwA 0x1004) == "$1" ]]; }
key() { sed -n "s/^add 192.0.2.1 192.0.2.2 .* \(0x[0-9a-f]*\);/\1/p" "$WORK/sas.conf"; }

# limited OPTIONS...: gwA's outbound SA anew, with limits
limited() {
    echo "delete 192.0.2.1 192.0.2.2 esp 0x1004;
        add 192.0.2.1 192.0.2.2 esp 0x1004 -m tunnel -r 64 $* -E aes-gcm-16 $(key);" | sk gwA -c
}

say "bytes: 84 a ping; the fourth reaches 300, the fifth is refused, the sixth finds no SA"
listen bytes expire
limited -bs 150 -bh 300
for _ in 1 2 3 4; do reaches hostA 10.2.0.2; done
assert_eq "$(sa_bytes gwA 0x1004)" '4 336' 'packets and bytes of 0x1004'
moves_by_one gwA OUT_EXPIRED silent hostA 10.2.0.2
wait_for 5 gone 0x00001004
moves_by_one gwA NO_OUT_SA silent hostA 10.2.0.2
# The soft one says what was counted when it was said, the packet that found it perhaps included.
assert_match "$(events bytes)" '^EXPIRE soft dst=192.0.2.2 spi=0x1004 bytes=(168 packets=2|252 packets=3)
EXPIRE hard dst=192.0.2.2 spi=0x1004 bytes=336 packets=4$' 'events'
kill "$LISTENER"
echo "ok: soft at the third packet, hard at the fifth, as a kernel compares"

say "time since it was made: the SA goes by itself"
listen times expire
echo "add 192.0.2.1 192.0.2.2 esp 0x1004 -m tunnel -r 64 -ls 1 -lh 3 -E aes-gcm-16 $(key);" | sk gwA -c
reaches hostA 10.2.0.2
wait_for 6 gone 0x00001004
assert_eq "$(events times | cut -d ' ' -f 2,4)" 'soft spi=0x1004
hard spi=0x1004' 'events'
kill "$LISTENER"

say "an SPI set aside is shown, and gone after xfrm_acq_expires of this namespace"
on gwA sysctl -qw net.core.xfrm_acq_expires=2
assert_match "$("$PYTHON" "$LIB/xfrm_events.py" "$(socket_of gwA)" alloc 192.0.2.2 192.0.2.1 0x5005)" 'NEWSA dst=192.0.2.1 spi=0x5005'
assert_eq "$("$PYTHON" "$LIB/xfrm_events.py" "$(socket_of gwA)" alloc 192.0.2.2 192.0.2.1 0x5005)" 'ERROR No such file or directory' 'a second time'
assert_match "$(sk gwA -D)" 'spi=20485.*state=larval'
cy gwA status > /dev/null
wait_for 6 gone 0x00005005

say "ACQUIRE without an answer: the packet waits, and is dropped after two seconds"
listen unanswered acquire,expire
moves_by_one gwA ACQUIRE_TIMEOUT silent hostA 10.2.0.2
wait_for 5 grep -q 'EXPIRE hard' "$WORK/unanswered.log"
assert_eq "$(events unanswered | head -n 1)" 'ACQUIRE flow=10.1.0.2>10.2.0.2 proto=1' 'the acquire'
kill "$LISTENER"
wait "$LISTENER" 2> /dev/null || true
moves_by_one gwA NO_OUT_SA silent hostA 10.2.0.2
echo "ok: and with nobody who listens, no packet waits"

say "ACQUIRE answered: one ping is sent, kept, and answered"
on gwA sysctl -qw net.core.xfrm_acq_expires=30
for gw in gwA gwB; do echo 'flush;' | sk "$gw" -c; done
before=$(verdicts gwA)
# The far gateway first, and here what comes in before what goes out: the packet leaves at once.
tac "$WORK/sas.conf" > "$WORK/sas-gwA.conf"
cp "$WORK/sas.conf" "$WORK/sas-gwB.conf"
listen answered acquire "for gw in gwB gwA; do CYGNET_SOCKET=$WORK/run-\$gw/xfrm.sock $BIN/setkey -f $WORK/sas-\$gw.conf; done"
on hostA ping -q -n -c 1 -W 5 10.2.0.2 | tee "$WORK/ping.txt"
grep -q '1 packets transmitted, 1 received' "$WORK/ping.txt"
assert_eq "$(events answered)" 'ACQUIRE flow=10.1.0.2>10.2.0.2 proto=1' 'events'
assert_eq "$(sa_bytes gwA 0x1004)" '1 84' 'packets and bytes of 0x1004'
assert_eq "$(verdicts gwA)" "$before" 'verdicts: nothing was dropped'
gone larval
kill "$LISTENER"

say "a trap of transport mode, as pluto sets them: the tunnel that comes in its place takes the first packet"
echo 'spdflush; flush;' | sk gwA -c
x() { ex gwA ip xfrm "$@"; }
x policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir out tmpl src 0.0.0.0 dst 0.0.0.0 proto esp reqid 0 mode transport
cat > "$WORK/answer.sh" <<ANSWER
export CYGNET_SOCKET=$(socket_of gwA)
$BIN/setkey -f $WORK/sas.conf
for policy in 'src 10.2.0.0/24 dst 10.1.0.0/24 dir in tmpl src 192.0.2.2 dst 192.0.2.1' \
    'src 10.2.0.0/24 dst 10.1.0.0/24 dir fwd tmpl src 192.0.2.2 dst 192.0.2.1' \
    'src 10.1.0.0/24 dst 10.2.0.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.2'; do
    $BIN/cygnet exec ip xfrm policy update \$policy proto esp mode tunnel
done
ANSWER
listen trap acquire "bash $WORK/answer.sh"
on hostA ping -q -n -c 1 -W 5 10.2.0.2 | tee "$WORK/ping.txt"
grep -q '1 packets transmitted, 1 received' "$WORK/ping.txt"
assert_eq "$(events trap)" 'ACQUIRE flow=10.1.0.2>10.2.0.2 proto=1' 'events'
assert_match "$(x state list)" 'src 10.1.0.2 dst 10.2.0.2' 'whom the larval SA is between'
kill "$LISTENER"
offices_load A

say "a flood of first packets keeps three of the policy"
for gw in gwA gwB; do echo 'flush;' | sk "$gw" -c; done
listen flood acquire
before=$(verdict gwA HOLD_QUEUE)
on hostA "$PYTHON" -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(10): s.sendto(b"x%d" % i, ("10.2.0.2", 9))'
wait_for 5 verdict_reached gwA HOLD_QUEUE $((before + 7))
assert_eq "$(verdict gwA HOLD_QUEUE)" $((before + 7)) 'packets that gave way'
sk gwB -f "$WORK/sas.conf"
sk gwA -f "$WORK/sas.conf"
wait_for 5 carried '3 90'
assert_eq "$(events flood | wc -l)" 1 'one acquire'
reaches hostA 10.2.0.2
gateway_stop gwA
gateway_stop gwB
