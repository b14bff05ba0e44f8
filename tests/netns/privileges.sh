#!/usr/bin/env bash
# What cygnetd may do after its start, read from /proc: another user, two capabilities, no new
# privileges, a seccomp list, no core dumps; and who may talk to it.
#
#   namespace gw: cygnetd alone
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin privileges
ns_add gw
gateway_start gw
pid=${GATEWAY_PID[gw]}

field() { awk -v name="$1:" '$1 == name {$1 = ""; print substr($0, 2)}' "/proc/$pid/task/$2/status"; }

uid=$(id -u cygnet)
gid=$(id -g cygnet)
wanted=0000000000003000 # CAP_NET_ADMIN (12) and CAP_NET_RAW (13)
threads=0
for task in /proc/"$pid"/task/*; do
    task=${task##*/}
    threads=$((threads + 1))
    assert_eq "$(field Uid "$task" | xargs)" "$uid $uid $uid $uid" "users of thread $task"
    assert_eq "$(field Gid "$task" | xargs)" "$gid $gid $gid $gid" "groups of thread $task"
    assert_eq "$(field Groups "$task" | xargs)" '' "further groups of thread $task"
    assert_eq "$(field CapPrm "$task")" "$wanted" "permitted capabilities of thread $task"
    assert_eq "$(field CapEff "$task")" "$wanted" "effective capabilities of thread $task"
    for set in CapInh CapAmb CapBnd; do
        assert_eq "$(field $set "$task")" 0000000000000000 "$set of thread $task"
    done
    assert_eq "$(field NoNewPrivs "$task")" 1 "no_new_privs of thread $task"
    if ! grep -qa __asan_init "$BIN/cygnetd"; then
        assert_eq "$(field Seccomp "$task")" 2 "seccomp of thread $task"
    fi
done
echo "ok: $threads threads have two capabilities and no way to more"
assert_match "$(grep 'core file size' "/proc/$pid/limits")" ' 0 +0 ' 'core limit'
# Not dumpable: its files in /proc belong to root, and its own user cannot read its memory.
assert_eq "$(stat -c %u "/proc/$pid/environ")" 0 'owner of /proc/PID/environ'

say "who may talk to it"
socket=$(socket_of gw)
assert_eq "$(stat -c %a:%U "$socket")" 660:root 'mode and owner of the socket'
refused on gw env CYGNET_SOCKET="$socket" setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/setkey" -D
echo "ok: a stranger is refused: $SAID"
on gw env CYGNET_SOCKET="$socket" setpriv --reuid nobody --regid cygnet --clear-groups "$BIN/setkey" -D
echo "ok: a member of the group is served"
assert_eq "$(stat -c '%U %a' "$(state_of gw)")" 'cygnet 700' 'state folder'

say "who may attach to the TUN device"
# The descriptor is opened by root and used by nobody, as on machines where /dev/net/tun is open to all.
on gw /usr/bin/python3 - cyg0 <<'PYTHON'
import errno, fcntl, os, struct, sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE = 0x1, 0x1000, 0x4000, 0x100
tun = os.open("/dev/net/tun", os.O_RDWR)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
for extra in 0, IFF_MULTI_QUEUE:
    ifr = struct.pack("16sH22x", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | extra)
    try:
        fcntl.ioctl(tun, TUNSETIFF, ifr)
    except OSError as err:
        assert err.errno in (errno.EPERM, errno.EBUSY, errno.EINVAL), err
    else:
        sys.exit("nobody attached a queue to the TUN device: it reads and forges what tunnels carry")
PYTHON
echo "ok: nobody attaches to it"
gateway_stop gw
