#!/usr/bin/env bash
# The Debian package: built by cpack, installed by dpkg below a folder of its own, what it installed
# started in a namespace, and removed without a trace. Nothing of this machine is touched.
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

say "start it"
ns_add gw
BIN=$root/usr/sbin
cp "$root/usr/bin/cygnet" "$BIN/cygnet" # where the laboratory looks for it
gateway_start gw
cy gw status | head -n 3
gateway_stop gw
rm "$BIN/cygnet"
assert_match "$("$root/usr/sbin/cygnet-iked" --version)" '^cygnet-iked '

say "remove it"
dpkg_in_root -P cygnet
find "$root" | grep -v '/var/lib/dpkg' | sort > "$WORK/after"
grep -v '/var/lib/dpkg' "$WORK/before" > "$WORK/was"
diff "$WORK/was" "$WORK/after" || fail "something is left behind"
echo "deb: installs, starts, and goes without a trace"
