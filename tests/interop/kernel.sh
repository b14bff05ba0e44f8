#!/usr/bin/env bash
# A real Linux kernel as the far gateway: every suite it has with both sequence sizes, in turn with each mix of
# inner and outer family, raw protocol 50, and each suite once in UDP, both directions, sizes around the
# padding and the MTU; replayed, outdated and damaged packets counted by the kernel's xfrm_stat and by
# ours alike.
#
#   +-- namespace gw ----------------+          +-- Linux as a process (user-mode-linux) --+
#   | lan0 10.1.0.1/24  cygnetd      |          |  its own XFRM        lan 10.2.0.2        |
#   |      fd00:1::1/64  kp0 ========|== TAP ===|== wan 192.0.2.2          fd00:2::2       |
#   |          192.0.2.1 2001:db8::1 |          |       2001:db8::2                        |
#   +--------------------------------+          +------------------------------------------+
#
#   kernel.sh [--all | --outer | --outer-few]
#
#   --all          every size of payload around each edge, not a choice of them, every mix with either sequence
#                  size, every case in UDP too, and the outer headers
#   --outer        the outer headers alone: each set of SA flags with each mix of families
#   --outer-few    each set of SA flags with one mix, in turn
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peer=$ROOT/tests/kernel-peer/kernel-peer.sh

lab_begin kernel
ns_add gw
stub gw lan0
addr gw lan0 10.1.0.1/24 fd00:1::1/64

say "boot the kernel"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw" --near 192.0.2.1/24 --near 2001:db8::1/64 \
    --far 192.0.2.2/24 --far 2001:db8::2/64 --protected 10.2.0.2/32 --protected fd00:2::2/128
"$peer" exec "$guest" ip route add default via 192.0.2.1
"$peer" exec "$guest" ip -6 route add default via 2001:db8::1
# From here on its commands come over a UDP socket on the same cable: an exec takes 0.2 s, this 10 ms.
{
    echo 'mkdir /run/agent'
    for file in echoes.py guest_agent.py; do
        echo "cat > /run/agent/$file <<'PYTHON'"
        cat "$here/$file"
        echo PYTHON
    done
    echo 'python3 /run/agent/guest_agent.py > /run/agent/log 2>&1 &'
} | "$peer" exec "$guest"
gateway_start gw
# The way to the peer exists only with a route: nothing but the tunnel leads to its network.
ip -n "${LAB}gw" route add 10.2.0.0/24 via 192.0.2.2
ip -n "${LAB}gw" -6 route add fd00:2::/64 via 2001:db8::2

in_gw() { on gw env CYGNET_SOCKET="$(socket_of gw)" "$PYTHON" "$@"; }
if [[ ${1:-} == --outer* || ${1:-} == --all ]]; then
    say "outer headers, ours and the kernel's"
    in_gw "$here/kernel_outer.py" "$BIN" "$WORK" "${1:-}"
fi
if [[ ${1:-} != --outer* ]]; then
    say "every suite, both directions"
    in_gw "$here/kernel_matrix.py" "$BIN" "$WORK" "${1:-}"
fi
gateway_stop gw
