# shellcheck shell=bash
# Debian's Libreswan in a namespace of the laboratory, unchanged: pluto under `cygnet exec`. Its package
# excludes strongSwan's, and its paths are fixed: tests/install-packages.sh unpacks it into a folder,
# which is laid over /usr/sbin and /usr/libexec in the mount namespace that `ip netns exec` makes
# anyway. Sourced after netns.sh.
#
#   pluto_start gw OWN OTHER < FILE   a whole ipsec.conf (no pipe: it must not run in a subshell)
#   pluto_add gw CONN, whack gw ARGS
#   pluto_load gw CONN < FILE         another ipsec.conf: what CONN was before is down and forgotten
#   pluto_secrets gw < FILE           another ipsec.secrets
#   pluto_kill gw, pluto_run gw       kill -9; once more, with the files there are

PLUTO_ROOT=${CYGNET_UNPACKED:-/var/cache/cygnet-tests}/libreswan
declare -A PLUTO_PID=()

pluto_dir() { echo "$WORK/pluto-$1"; }

# As on a machine that has the package: its own programs, its own /run. Becomes the command.
exec_in_pluto_root() { # NAME COMMAND...
    local name=$1
    shift
    exec ip netns exec "$LAB$name" env CYGNET_SOCKET="$(socket_of "$name")" PLUTO_ROOT="$PLUTO_ROOT" sh -c '
        mount -t tmpfs tmpfs /run && mkdir /run/pluto &&
        for dir in /usr/sbin /usr/libexec; do
            mount -t overlay overlay -o "lowerdir=$PLUTO_ROOT$dir:$dir" $dir || exit 1
        done
        exec "$@"' sh "$@"
}

pluto_start() {
    local dir
    dir=$(pluto_dir "$1")
    [[ -x $PLUTO_ROOT/usr/libexec/ipsec/pluto ]] || fail "no Libreswan in $PLUTO_ROOT: run tests/install-packages.sh"
    mkdir -p "$dir/nss" "$dir/run"
    certutil -N -d "sql:$dir/nss" --empty-password
    echo "$2 $3 : PSK \"two offices, and a secret that is long enough for SHA-512\"" > "$dir/secrets"
    cat > "$dir/conf"
    pluto_run "$1"
}

pluto_run() {
    local name=$1 dir
    dir=$(pluto_dir "$name")
    rm -f "$dir/run/"*
    exec_in_pluto_root "$name" "$BIN/cygnet" exec /usr/libexec/ipsec/pluto --nofork --config "$dir/conf" --nssdir "$dir/nss" \
        --secretsfile "$dir/secrets" --rundir "$dir/run" --logfile "$WORK/pluto-$name.log" > "$WORK/pluto-$name.out.log" 2>&1 &
    PLUTO_PID[$name]=$!
    BACKGROUND+=("$!")
    wait_for 20 pluto_serves_or_died "$name"
    kill -0 "${PLUTO_PID[$name]}" || fail "pluto in $name did not start: $(tail -n 3 "$WORK/pluto-$name.out.log")"
}

pluto_serves_or_died() { ! kill -0 "${PLUTO_PID[$1]}" || whack "$1" --status; }

pluto_kill() {
    kill -KILL "${PLUTO_PID[$1]}"
    wait "${PLUTO_PID[$1]}" 2> /dev/null || true
}

whack() {
    local name=$1
    shift
    timeout 30 "$PLUTO_ROOT/usr/libexec/ipsec/whack" --rundir "$(pluto_dir "$name")/run" "$@"
}

pluto_add() {
    "$PLUTO_ROOT/usr/libexec/ipsec/addconn" --ctlsocket "$(pluto_dir "$1")/run/pluto.ctl" --config "$(pluto_dir "$1")/conf" "$2" > "$WORK/addconn-$1.log" 2>&1 ||
        fail "pluto in $1 refused the connection $2: $(cat "$WORK/addconn-$1.log")"
}

pluto_load() {
    cat > "$(pluto_dir "$1")/conf"
    pluto_add "$1" "$2"
}

pluto_secrets() {
    cat > "$(pluto_dir "$1")/secrets"
    whack "$1" --rereadsecrets > /dev/null || fail "pluto in $1 did not read its secrets"
}

pluto_said() { grep -qE -- "$2" "$WORK/pluto-$1.log"; }

# pluto_bytes gw CONN: bytes in, bytes out, as pluto tells them.
pluto_bytes() { whack "$1" --trafficstatus | sed -nE "s/.*\"$2\".*inBytes=([0-9]+), outBytes=([0-9]+).*/\1 \2/p"; }
