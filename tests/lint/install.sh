#!/usr/bin/env bash
# What `cmake --install` puts down, tried where it lies: the units pass systemd-analyze, `cygnet exec` finds
# its library from every prefix, the drop-in names a library that is there.
#
#   install.sh BUILD-DIR
set -euo pipefail
build=$(realpath "$1")
dir=$(mktemp -d /tmp/cygnet-install-XXXXXX)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "install: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$dir/usr" > /dev/null
cygnet=$dir/usr/bin/cygnet
# shellcheck disable=SC2016 # its own shell is to see it
preloaded=$("$cygnet" exec sh -c 'echo "$LD_PRELOAD"')
[[ -r $preloaded && $preloaded == "$dir"/usr/lib*/cygnet/libcygnet-xfrm.so ]] || fail "cygnet exec preloads '$preloaded'"

# The paths of the configured prefix, as they are below this one.
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
units=$dir/usr/lib/systemd/system
sed -i "s,$prefix/,$dir/usr/,g" "$units"/*.service "$dir"/usr/share/cygnet/*
library=$(sed -n 's/^Environment=LD_PRELOAD=//p' "$dir/usr/share/cygnet/ike.conf")
[[ -r $library ]] || fail "the drop-in names '$library'"
grep -qF "$library mr," "$dir/usr/share/cygnet/apparmor" || fail "the AppArmor rules do not name '$library'"

# An IKE daemon's unit with the drop-in.
printf '[Service]\nExecStart=/bin/true\n' > "$units/strongswan.service"
install -D -m 644 "$dir/usr/share/cygnet/ike.conf" "$units/strongswan.service.d/cygnet.conf"
said=$(SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify --man=no cygnetd.service cygnet-setkey.service \
    cygnet-iked.service strongswan.service 2>&1) ||
    fail "systemd-analyze: $said"
grep -E "$units|cygnet" <<< "$said" && fail "systemd-analyze warns of the above"
echo "install: the units, the drop-in and cygnet exec hold below another prefix"
