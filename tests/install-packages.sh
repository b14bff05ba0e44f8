#!/usr/bin/env bash
# Installs what Cygnet needs on Debian 12, and only what is missing; makes the system user that
# cygnetd becomes. Removes nothing: what is at odds with a package here makes it fail. Says what it
# does; does nothing, and needs no network, when all is there.
#
# A package of kind "unpack" excludes others here: it is only unpacked, into /var/cache/cygnet-tests.
#
#   install-packages.sh [build] [run] [example] [ike] [test] [bench]      kinds of tests/packages; default: all but bench
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kinds=("$@")
((${#kinds[@]})) || kinds=(build run example ike test)

say() { echo "install-packages: $*"; }

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

missing=()
while read -r kind package architecture; do
    [[ -z $kind || $kind == '#'* || " ${kinds[*]} " != *" $kind "* ]] && continue
    [[ -z $architecture || $architecture == "$(dpkg --print-architecture)" ]] || continue
    installed "$package" || missing+=("$package")
done < "$here/packages"

if ((${#missing[@]})); then
    [[ $(id -u) == 0 ]] || { say "needs root to install: ${missing[*]}" >&2; exit 1; }
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq -y --no-install-recommends --no-remove install "${missing[@]}" > /dev/null
else
    say "all packages are there (${kinds[*]})"
fi

# unpack PACKAGE: into a folder of its name; a half one is no folder.
unpack() {
    local cache=/var/cache/cygnet-tests download
    [[ ! -d $cache/$1 ]] || return 0
    [[ $(id -u) == 0 ]] || { say "needs root to unpack $1" >&2; exit 1; }
    say "unpacking $1 into $cache/$1"
    mkdir -p "$cache"
    download=$(mktemp -d "$cache/download-XXXXXX")
    (cd "$download" && apt-get -qq -o APT::Sandbox::User=root download "$1" && dpkg -x ./*.deb root && mv root "$cache/$1")
    rm -rf "$download"
}
if [[ " ${kinds[*]} " == *' test '* ]]; then
    while read -r kind package _; do
        if [[ $kind == unpack ]]; then unpack "$package"; fi
    done < "$here/packages"
fi

if [[ " ${kinds[*]} " == *' run '* ]]; then
    if getent passwd cygnet > /dev/null; then
        say "the system user cygnet is there"
    else
        [[ $(id -u) == 0 ]] || { say "needs root to make the system user cygnet" >&2; exit 1; }
        say "making the system user cygnet, which cygnetd becomes after its start"
        useradd --system --user-group --no-create-home --home-dir /nonexistent \
            --shell /usr/sbin/nologin cygnet
    fi
fi
