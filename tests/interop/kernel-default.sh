#!/usr/bin/env bash
# A default that blocks, `ip xfrm policy setdefault`: default_probe.py asks a kernel with XFRM and cygnetd about the same
# packets under the same policies. What differs stands below with its reason; anything else fails, and so does what
# stands there in vain.
#
#   namespace gw: cygnetd; the guest: a kernel
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
here=$ROOT/tests/interop
peer=$ROOT/tests/kernel-peer/kernel-peer.sh

lab_begin kernel-default
ns_add gw far
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}far" --far none --protected none
gateway_start gw

say "in front of a kernel, and of cygnetd"
KERNEL_PEER_EXEC_TIMEOUT=200 "$peer" exec "$guest" > "$WORK/kernel.txt" 2> "$WORK/kernel.log" <<SCRIPT &
modprobe tun
mknod /tmp/tun c 10 200
exec env PYTHONPATH="$PYTHONPATH" PYTHONDONTWRITEBYTECODE=1 "$PYTHON" "$here/default_probe.py" /tmp/tun
SCRIPT
kernel=$!
ex gw "$PYTHON" "$here/default_probe.py" /dev/net/tun > "$WORK/cygnetd.txt" 2> "$WORK/probe.log" || fail "the probe beside cygnetd"
wait "$kernel" || fail "the probe in the guest"


say "the judgement"
# Lines of diff, after their reason.
sed '/^#/d; /^$/d' > "$WORK/expected" <<'DIFFERENCES'
# The kernel asks in policies about IPv6's loopback, though not about IPv4's. No policy here means it.
< tunnel, in block: in lo6: stops
> tunnel, in block: in lo6: passes
# The kernel's XFRM reads no ports in a forwarded fragment, nftables those of the first.
< allow, fwd block: fwd udp first fragment: stops
> allow, fwd block: fwd udp first fragment: passes
< allow, out block: fwd udp first fragment: stops
> allow, out block: fwd udp first fragment: passes
# As above.
< allow, in block: in lo6: stops
> allow, in block: in lo6: passes
< block, in block: in lo6: stops
> block, in block: in lo6: passes
DIFFERENCES
for side in kernel cygnetd; do
    assert_ge "$(wc -l < "$WORK/$side.txt")" 300 "answers of $side"
    for word in passes stops; do assert_ge "$(grep -c "$word" "$WORK/$side.txt")" 50 "what $word, $side"; done
done
diff "$WORK/kernel.txt" "$WORK/cygnetd.txt" | grep '^[<>]' | sort > "$WORK/found" || true
diff <(sort "$WORK/expected") "$WORK/found" || fail "differs from the kernel (<) otherwise than is said here"
echo "kernel-default: $(wc -l < "$WORK/kernel.txt") answers, all is as it should be"
