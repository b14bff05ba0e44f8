#!/usr/bin/env bash
# setkey --kernel: the same program speaks to a real kernel's own XFRM socket. What a file says is what
# `ip xfrm state` and `ip xfrm policy` show there, what setkey -D shows can be loaded again, and the
# statements and events of the language do there what they do here.
#
#   namespace peer: TAP kp0 ==wire== the guest kernel, in which setkey runs
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh

lab_begin setkey-kernel
ns_add peer
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}peer"
far() { "$peer" exec "$guest" "$@"; }
# The guest sees this machine's root, but for /tmp and /run.
setkey() { far "$BIN/setkey" --kernel "$@"; }

say "every statement of a file is in the kernel"
file=$ROOT/tests/netns/samples/two-sites.conf
setkey -f "$file"
far ip xfrm state > "$WORK/state.txt"
far ip xfrm policy > "$WORK/policy.txt"
far ip -s xfrm state > "$WORK/limits.txt"
"$PYTHON" "$ROOT/tests/interop/setkey_kernel.py" "$file" "$WORK/limits.txt" "$WORK/policy.txt"

say "what setkey shows of the kernel can be loaded into it again"
setkey -D > "$WORK/sas.txt"
setkey -DP > "$WORK/policies.txt"
"$PYTHON" "$LIB/setkey_dump.py" "$WORK/sas.txt" "$WORK/policies.txt" > "$WORK/again.conf"
{ printf '%q --kernel -k -f - <<"SETKEY"\n' "$BIN/setkey"; cat "$WORK/again.conf"; echo SETKEY; } | far
# An entry a line: the kernel shows the newest first.
entries() { sed ':a;N;$!ba;s/\n\([ \t]\)/ |\1/g' "$1" | sort; }
far ip xfrm state > "$WORK/state-again.txt"
far ip xfrm policy > "$WORK/policy-again.txt"
for what in state policy; do
    diff <(entries "$WORK/$what.txt") <(entries "$WORK/$what-again.txt") || fail "another $what than before"
done
echo "ok: the same SAs and policies"

say "statements and their answers are the same as with cygnetd"
cat > "$WORK/statements.conf" <<'SETKEY'
flush; spdflush;
getspi 192.0.2.1 192.0.2.2 esp 0x1000 -m tunnel -u 9;
update 192.0.2.1 192.0.2.2 esp 0x1000 -m tunnel -u 9 -E aes-gcm-16 "12345678901234567890";
get 192.0.2.1 192.0.2.2 esp 0x1000;
add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 "12345678901234567890";
add 192.0.2.1 192.0.2.2 esp 0x1001 -E aes-gcm-16 "12345678901234567890";
update 192.0.2.1 192.0.2.2 esp 0x1001 -lh 500 -E aes-gcm-16 "12345678901234567890";
update 192.0.2.1 192.0.2.2 esp 0x1009 -E aes-gcm-16 "12345678901234567890";
delete 192.0.2.1 192.0.2.2 esp 0x1000;
delete 192.0.2.1 192.0.2.2 esp 0x1000;
dump;
deleteall 192.0.2.1 192.0.2.2 esp;
add 192.0.2.1[4500] 192.0.2.2[30000] esp-udp 10.9.9.9 0x1002 -r 200 -E aes-gcm-16 "12345678901234567890";
dump esp;
deleteall 192.0.2.1 192.0.2.2 esp;
dump;
spdadd 10.1.0.0/16 10.2.0.0/16[80] tcp -P in prio low + 3 ipsec esp/tunnel/192.0.2.1-192.0.2.2/unique:5;
spdadd 10.1.0.0/16 10.2.0.0/16[80] tcp -P in none;
spdadd 10.1.0.0/16 10.2.0.0/16[80] tcp -P fwd prio high ipsec esp/tunnel/192.0.2.1-192.0.2.2/use;
spdupdate 10.1.0.0/16 10.2.0.0/16[80] tcp -P in discard;
spddelete 10.1.0.0/16 10.2.0.0/16[80] tcp -P fwd;
spddump;
spddelete 10.1.0.0/16 10.2.0.0/16[80] tcp -P in;
spddelete 10.1.0.0/16 10.2.0.0/16[80] tcp -P in;
spddump;
SETKEY
# Without times, and the numbers each side chooses.
answers() { grep -vE '^	(created|diff|sadb_seq|spid|lifetime)' || true; }
{ printf '%q --kernel -f - 2>&1 <<"SETKEY"\n' "$BIN/setkey"; cat "$WORK/statements.conf"; echo SETKEY; } > "$WORK/job"
far < "$WORK/job" > "$WORK/kernel.out" || true
stub peer wan0
addr peer wan0 192.0.2.1/32
gateway_start peer
sk peer -f - < "$WORK/statements.conf" > "$WORK/cygnetd.out" 2>&1 || true
assert_eq "$(grep -c '^setkey: -' "$WORK/kernel.out")" 5 'refusals by the kernel'
diff -u <(answers < "$WORK/kernel.out") <(answers < "$WORK/cygnetd.out") || fail "cygnetd answers otherwise"
echo "ok: $(answers < "$WORK/kernel.out" | wc -l) lines"

say "policies of sockets"
far <<GUEST > "$WORK/sockets.txt" || fail "$(cat "$WORK/sockets.txt")"
python3 - > /run/socket.log 2>&1 <<'PYTHON' &
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for direction in (0, 1):    # in and out: IP_XFRM_POLICY, struct xfrm_userpolicy_info
    s.setsockopt(socket.IPPROTO_IP, 17, bytes(40) + struct.pack("=HBBBxxxii", 2, 0, 0, 0, 0, 0) +
                 struct.pack("=4Q", *[2**64 - 1] * 4) + bytes(32 + 32) + struct.pack("=IIBBBBxxxx", 0, 0, direction, 0, 0, 0))
print("ready", flush=True)
time.sleep(1000)
PYTHON
tries=0
until grep -q ready /run/socket.log; do tries=\$((tries + 1)); [ \$tries -lt 100 ] || { cat /run/socket.log; exit 1; }; sleep 0.1; done
$BIN/setkey --kernel -f - <<'SETKEY'
spdflush;
spdadd 10.1.0.0/16 10.2.0.0/16 any -P out none;
SETKEY
$BIN/setkey --kernel -DP | grep -vE 'created|lifetime|spid|refcnt'
$BIN/setkey --kernel -DPN | grep -vE 'created|lifetime|spid|refcnt'
GUEST
assert_eq "$(sed 's/ $//' "$WORK/sockets.txt" | sort)" "$(sort <<TEXT
(per-socket policy)
	in none
(per-socket policy)
	out none
10.1.0.0/16[any] 10.2.0.0/16[any] any
	out prio def none
10.1.0.0/16[any] 10.2.0.0/16[any] any
	out prio def none
2 per-socket policies hidden.
TEXT
)" 'policies'

say "-x shows what happens there"
far <<GUEST || fail "no event was shown"
$BIN/setkey --kernel -xx > /run/events.txt &
pid=\$!
tries=0
until grep -q 'type=delsa' /run/events.txt; do
    tries=\$((tries + 1))
    [ \$tries -lt 50 ] || exit 1
    $BIN/setkey --kernel -e 'add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 "12345678901234567890"; flush;
        add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 "12345678901234567890"; delete 192.0.2.1 192.0.2.2 esp 0x1000;'
    sleep 0.1
done
kill \$pid
cat /run/events.txt
grep -q 'type=newsa' /run/events.txt && grep -q 'type=flushsa' /run/events.txt
GUEST
gateway_stop peer
