#!/usr/bin/env bash
# The Debian package: built by cpack, unpacked and configured by dpkg below a folder of its own, both daemons
# started there as their units say, and purged, after which nothing of it is left in that folder. Nothing of
# this machine is touched. What it does not show: its dependencies being installed (they are this machine's),
# and what the maintainer scripts ask systemd for, as they leave that out below a folder.
#
#   namespace gw: chroot to the folder: cygnetd, cygnet-iked
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin deb
root=$WORK/root
mkdir -p "$root/var/lib/dpkg" "$root/etc"

say "build it"
cpack -G DEB --config "$BUILD/CPackConfig.cmake" -B "$WORK" > "$WORK/cpack.log" 2>&1 || fail "cpack: $(tail -n 20 "$WORK/cpack.log")"
deb=$(echo "$WORK"/cygnet_*.deb)
dpkg-deb -I "$deb" | sed -n '/Package:/,$p'
for file in usr/sbin/cygnetd usr/sbin/cygnet-iked usr/sbin/setkey usr/bin/cygnet usr/lib/sysusers.d/cygnet.conf \
    usr/lib/systemd/system/cygnetd.service usr/lib/systemd/system/cygnet-iked.service \
    usr/share/man/man8/cygnetd.8 usr/share/man/man5/cygnet.conf.5; do
    dpkg-deb -c "$deb" | awk '{print $6}' | grep -qxE "\./$file(\.gz)?" || fail "$file is not in the package"
done
assert_match "$(dpkg-deb -f "$deb" Depends)" 'libc6'

say "install it, below $root"
dpkg_in_root() {
    dpkg --root="$root" --force-script-chrootless --force-depends --force-bad-path "$@" > "$WORK/dpkg.log" 2>&1 ||
        fail "dpkg $*: $(cat "$WORK/dpkg.log")"
}
: > "$root/var/lib/dpkg/status"
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
find "$root" | sort > "$WORK/before"
dpkg_in_root -i "$deb"
assert_match "$(cat "$root/usr/lib/systemd/system/cygnet-iked.service")" 'ExecStart=/usr/sbin/cygnet-iked'
if grep -rlF "$ROOT" "$root/usr" "$root/etc"; then fail "paths of the build machine are in the package"; fi

say "start it, as the units say"
ns_add gw
systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/cygnet.conf"
grep -q '^cygnet:' "$root/etc/passwd" || fail "sysusers.d makes no user"
# What systemd makes, root's as the units name no user; and this machine's libraries, shell and devices.
made_for() { # UNIT KEY BELOW
    local dir
    dir=$(sed -n "s/^$2=//p" "$root/usr/lib/systemd/system/$1.service")
    [[ -z $dir ]] || install -d "$root/$3/$dir"
}
mkdir "$root"/{bin,lib,lib64,dev,proc}
mkdir -p "$root/tmp"
# In the namespace, with the folder for a root; the mounts go with the command, which is the process itself.
# shellcheck disable=SC2016 # the inner shell's words
inside=(ip netns exec "${LAB}gw" unshare --mount --propagation private sh -ec 'root=$1; shift
    for dir in bin lib lib64; do mount --rbind "/usr/$dir" "$root/$dir"; done
    for dir in dev proc; do mount --rbind "/$dir" "$root/$dir"; done
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/bin "$@"' sh "$root")
# start UNIT: its daemon, with nothing but what ExecStart= says.
declare -A pid_of=()
start() {
    local -a line
    made_for "$1" RuntimeDirectory run
    made_for "$1" StateDirectory var/lib
    read -ra line <<< "$(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/$1.service")"
    "${inside[@]}" "${line[@]}" >> "$WORK/$1.log" 2>&1 &
    pid_of[$1]=$!
    BACKGROUND+=("$!")
}
stop() {
    local status=0
    kill -TERM "${pid_of[$1]}"
    wait "${pid_of[$1]}" || status=$?
    ((status == 0)) || fail "$1 ended with status $status: $(tail -n 3 "$WORK/$1.log")"
}
answers() { "${inside[@]}" cygnet status --json | jq -e "$1"; }
start cygnetd
wait_for 20 answers .version || fail "cygnetd: $(tail -n 3 "$WORK/cygnetd.log")"
[[ ! -e $root/etc/cygnet/cygnet.conf ]] || fail "the package brings a configuration"
install -m 600 /dev/stdin "$root/etc/cygnet/cygnet.conf" << 'CONF'
connections { office { remote_addrs = 192.0.2.2
    local { auth = psk }
    remote { auth = psk }
    children { net { local_ts = 10.1.0.0/24
        remote_ts = 10.2.0.0/24
    } } } }
secrets { ike { secret = "a secret of more than twenty octets" } }
CONF
start cygnet-iked
wait_for 20 answers .ike || fail "cygnet-iked: $(tail -n 3 "$WORK/cygnet-iked.log")"
"${inside[@]}" cygnet status
"${inside[@]}" cygnet load
assert_match "$(stat -c %a:%U "$root/var/lib/cygnet")" '^700:cygnet$'
stop cygnet-iked
stop cygnetd
rm -r "$root/run"
rmdir "$root"/{bin,lib,lib64,dev,proc,tmp}
rm "$root"/etc/{passwd,group,shadow,gshadow}* "$root/etc/.pwd.lock"

say "purge it"
dpkg_in_root -P cygnet
find "$root" | grep -v '/var/lib/dpkg' | sort > "$WORK/after"
grep -v '/var/lib/dpkg' "$WORK/before" > "$WORK/was"
diff "$WORK/was" "$WORK/after" || fail "something is left behind"
echo "deb: unpacks, both daemons serve as their units start them, and purged it leaves nothing"
