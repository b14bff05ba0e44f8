# shellcheck shell=bash
# A test laboratory of network namespaces: sourced by tests/netns, tests/interop and examples.
# Every name is unique to the process, everything is removed by a trap on any exit, nothing is
# waited for blindly. Needs root; exits 77 (a skip, and in CI a failure) without it.
#
#   lab_begin NAME              first of all: working folder, trap
#   ns_add office [..]          namespaces, spoken of by short names from here on
#   veth office eth0 gw lan     a cable between two of them
#   gateway_start gw [OPTION..] a cygnetd in one; gateway_stop, gateway_kill
#   sk gw ARGS, cy gw ARGS      its setkey and its cygnet
#   ex gw PROGRAM ARGS          somebody else's program, driving it by way of `cygnet exec`
set -euo pipefail

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LIB/../.." && pwd)
BUILD=${CYGNET_BUILD:-$ROOT/build}
BIN=$BUILD/bin
export PYTHON=/usr/bin/python3 # Debian's own: the packages are installed for it
export PYTHONPATH=$LIB${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1
# Sanitized programs: a report is a failure that the exit status shows.
export ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:exitcode=99} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$ROOT/tests/tsan-suppressions}

LAB=''
WORK=''
declare -A GATEWAY_PID=()
declare -a NAMESPACES=() CLEANUPS=() BACKGROUND=()

say() { printf '\n-- %s\n' "$*"; }

fail() {
    echo "FAIL: $*" >&2
    echo "  at $(caller 0 | awk '{print $3 ":" $1}') $(caller 1 2> /dev/null | awk '{print "from " $3 ":" $1}')" >&2
    exit 1
}

skip() {
    echo "SKIP: $*"
    exit 77
}

# ---- beginning and end -----------------------------------------------------------------------

lab_begin() {
    [[ $(id -u) == 0 ]] || skip "needs root for network namespaces"
    [[ -x $BIN/cygnetd ]] || fail "no $BIN/cygnetd: build first, or set CYGNET_BUILD"
    LAB=cyg$$-
    # Its path must be open to the user cygnetd becomes; keys live in files of mode 0600 inside.
    WORK=$(mktemp -d /tmp/cygnet-"$1"-XXXXXX)
    chmod 755 "$WORK"
    trap lab_end EXIT
    trap 'exit 130' INT TERM HUP
}

# at_end COMMAND...: run at the end, last registered first.
at_end() { CLEANUPS=("$(printf '%q ' "$@")" "${CLEANUPS[@]}"); }

lab_end() {
    local status=$? name pid command
    trap '' INT TERM HUP
    set +e
    for command in "${CLEANUPS[@]}"; do eval "$command"; done
    if ((status != 0 && status != 77)); then lab_show_logs >&2; fi
    for pid in "${BACKGROUND[@]}" "${GATEWAY_PID[@]}"; do kill -KILL "$pid" && wait "$pid"; done 2> /dev/null
    for name in "${NAMESPACES[@]}"; do ip netns del "$LAB$name" 2> /dev/null; done
    if [[ -n ${CYGNET_KEEP:-} ]]; then echo "kept: $WORK"; else rm -rf "$WORK"; fi
    exit "$status"
}

lab_show_logs() {
    local log
    for log in "$WORK"/*.log; do
        [[ -s $log ]] || continue
        echo "---- ${log##*/}, its end"
        tail -n 30 "$log"
    done
}

# wait_for SECONDS COMMAND...: until it succeeds; fails the test at the deadline. It asks less and less often,
# as what it waits for wants the core that asking takes.
wait_for() {
    local wait_began=${EPOCHREALTIME/./} wait_now wait_pause
    local wait_deadline=$((wait_began + $1 * 1000000))
    shift
    until "$@" > /dev/null 2>&1; do
        wait_now=${EPOCHREALTIME/./}
        ((wait_now < wait_deadline)) || fail "never came true: $*"
        wait_pause=$(((wait_now - wait_began) / 8))
        printf -v wait_pause "0.%06d" $((wait_pause < 20000 ? 20000 : wait_pause > 200000 ? 200000 : wait_pause))
        pause "$wait_pause"
    done
}

# pause SECONDS: without a process of its own.
exec {PAUSE}<> <(:)
pause() { read -rt "$1" -u "$PAUSE" || true; }

# ---- namespaces and cables -------------------------------------------------------------------

ns_add() {
    local name
    for name; do
        ip netns add "$LAB$name"
        NAMESPACES+=("$name")
        ip -n "$LAB$name" link set lo up
        # Addresses are ours to choose: no waiting for duplicate address detection.
        on "$name" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv6.conf.default.router_solicitations=0
    done
}

# on NAME COMMAND...: runs it inside. ip is short enough to need no name of its own.
on() {
    local name=$1
    shift
    ip netns exec "$LAB$name" "$@"
}

# veth NAME1 DEVICE1 NAME2 DEVICE2
veth() {
    ip link add "$2" netns "$LAB$1" type veth peer name "$4" netns "$LAB$3"
    ip -n "$LAB$1" link set "$2" up
    ip -n "$LAB$3" link set "$4" up
}

# stub NAME DEVICE: a link that is up and leads nowhere, for a gateway's own inner addresses.
stub() {
    ip -n "$LAB$1" link add "$2" type veth peer name "$2-end"
    ip -n "$LAB$1" link set "$2" up
    ip -n "$LAB$1" link set "$2-end" up
}

# addr NAME DEVICE CIDR...
addr() {
    local name=$1 device=$2 cidr
    shift 2
    for cidr; do
        if [[ $cidr == *:* ]]; then
            ip -n "$LAB$name" addr add "$cidr" dev "$device" nodad
        else
            ip -n "$LAB$name" addr add "$cidr" dev "$device"
        fi
    done
}

forwarding_on() {
    local name
    for name; do on "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; done
}

# background NAME LOG COMMAND...: its pid in $LAST_PID; killed at the end.
background() {
    local name=$1 log=$2
    shift 2
    : > "$WORK/$log.log" # before the fork: what a former one wrote must not be taken for this one's
    ip netns exec "$LAB$name" "$@" >> "$WORK/$log.log" 2>&1 &
    LAST_PID=$!
    BACKGROUND+=("$LAST_PID")
}

# ---- gateways --------------------------------------------------------------------------------

socket_of() { echo "$WORK/run-$1/xfrm.sock"; }
state_of() { echo "$WORK/state-$1"; }

# gateway_start NAME [OPTION...]: a cygnetd in that namespace; returns when it serves.
gateway_start() {
    local name=$1
    shift
    ip netns exec "$LAB$name" "$BIN/cygnetd" --socket "$(socket_of "$name")" --tun cyg0 \
        --state-dir "$(state_of "$name")" --log-level info "$@" >> "$WORK/cygnetd-$name.log" 2>&1 &
    GATEWAY_PID[$name]=$!
    wait_for 10 gateway_answers_or_died "$name"
    gateway_is_up "$name" || fail "cygnetd in $name did not start: $(tail -n 3 "$WORK/cygnetd-$name.log")"
}

gateway_is_down() { ! gateway_is_up "$1"; }
gateway_is_up() { kill -0 "${GATEWAY_PID[$1]}" 2> /dev/null; }
gateway_answers_or_died() { ! gateway_is_up "$1" || cy "$1" status; }

# gateway_stop NAME: asks it to end and wants a clean exit.
gateway_stop() {
    kill -TERM "${GATEWAY_PID[$1]}"
    gateway_ends "$1" 0
}

# gateway_ends NAME STATUS: waits for it to end by itself.
gateway_ends() {
    local status=0
    wait_for 30 gateway_is_down "$1"
    wait "${GATEWAY_PID[$1]}" || status=$?
    unset "GATEWAY_PID[$1]"
    ((status == $2)) || fail "cygnetd in $1 ended with status $status, expected $2"
}

# gateway_kill NAME: kill -9, no good-bye.
gateway_kill() {
    kill -KILL "${GATEWAY_PID[$1]}"
    wait "${GATEWAY_PID[$1]}" 2> /dev/null || true
    unset "GATEWAY_PID[$1]"
}

sk() {
    local name=$1
    shift
    on "$name" env CYGNET_SOCKET="$(socket_of "$name")" "$BIN/setkey" "$@"
}

cy() {
    local name=$1
    shift
    # A cygnet-iked that runs on this machine must not answer for cygnetd.
    on "$name" env CYGNET_SOCKET="$(socket_of "$name")" \
        CYGNET_IKED_SOCKET="${CYGNET_IKED_SOCKET:-/nonexistent}" "$BIN/cygnet" "$@"
}

ex() {
    local name=$1
    shift
    cy "$name" exec "$@"
}

# load NAME < FILE: a setkey script, every statement of which must be accepted.
load() {
    cat > "$WORK/$1.conf"
    sk "$1" -f "$WORK/$1.conf" || fail "setkey refused $WORK/$1.conf on $1"
}

# ---- counters --------------------------------------------------------------------------------

status_json() { cy "$1" status --json; }

# verdict NAME VERDICT: how often, both directions together.
verdict() {
    status_json "$1" | jq -e --arg v "$2" '[.counters.in[$v], .counters.out[$v]] | map(numbers) | if . == [] then error("no such verdict") else add end' ||
        fail "no verdict $2"
}

# verdicts NAME: all that are not zero but OK, "NAME=COUNT ..." in order, for comparing. Keepalives
# come by the clock, whatever a test does.
verdicts() {
    status_json "$1" | jq -r '[.counters[] | to_entries[] | select(.key != "OK" and .key != "KEEPALIVE" and .value > 0) | "\(.key)=\(.value)"] | sort | join(" ")'
}

# verdict_beside_others NAME VERDICT: the count of that one, a blank, and all others as verdicts tells them.
verdict_beside_others() {
    status_json "$1" | jq -er --arg v "$2" '[.counters.in[$v], .counters.out[$v]] as $both |
        "\($both | map(numbers) | if . == [] then error("no such verdict") else add end) \(
        [.counters[] | to_entries[] | select(.key != "OK" and .key != "KEEPALIVE" and .key != $v and .value > 0) | "\(.key)=\(.value)"] | sort | join(" "))"' ||
        fail "no verdict $2"
}

# moves_by_one NAME VERDICT COMMAND...: it makes exactly this counter rise, by exactly one.
moves_by_one() {
    local name=$1 wanted=$2 before after
    shift 2
    before=$(verdict_beside_others "$name" "$wanted")
    "$@"
    wait_for 5 verdict_reached "$name" "$wanted" $((${before%% *} + 1))
    after=$(verdict_beside_others "$name" "$wanted")
    assert_eq "${after%% *}" $((${before%% *} + 1)) "verdict $wanted on $name"
    assert_eq "${after#* }" "${before#* }" "other verdicts on $name than $wanted"
    echo "ok: $wanted rose by one on $name, no other did"
}

verdict_reached() { (($(verdict "$1" "$2") >= $3)); }

# ---- captures --------------------------------------------------------------------------------

# capture NAME DEVICE FILE [FILTER...]: into $WORK/FILE; returns once tcpdump listens. Its ring has room
# for whole superpackets, and for 256 of them: by default it would be eight, and a burst overtakes it.
capture() {
    local name=$1 device=$2 file=$3
    shift 3
    rm -f "$WORK/$file.log" # of a capture before: it says "listening", too
    ip netns exec "$LAB$name" tcpdump -Z root -i "$device" --immediate-mode -U -s 66000 -B 32768 -w "$WORK/$file" "$@" > /dev/null 2> "$WORK/$file.log" &
    CAPTURE_PID=$!
    BACKGROUND+=("$CAPTURE_PID")
    wait_for 10 grep -q 'listening on' "$WORK/$file.log"
}

# capture_end: what was captured is in the file when this returns.
capture_end() {
    local pid=${1:-$CAPTURE_PID}
    sleep 0.2 # what is on its way to the capture; there is no sign to wait for
    kill -INT "$pid"
    wait "$pid" 2> /dev/null || true
}

# ---- assertions ------------------------------------------------------------------------------

assert_eq() { [[ $1 == "$2" ]] || fail "${3:-value}: got '$1', expected '$2'"; }
assert_ge() { (($1 >= $2)) || fail "${3:-value}: got $1, expected at least $2"; }
assert_match() { [[ $1 =~ $2 ]] || fail "${3:-text}: '$1' does not match '$2'"; }

# refused COMMAND...: it must fail; what it said is in $SAID.
refused() {
    if SAID=$("$@" 2>&1); then fail "was not refused: $*: $SAID"; fi
}

# reaches NAME ADDRESS [PING-OPTION...]
reaches() {
    local name=$1 address=$2
    shift 2
    on "$name" ping -q -n -c 1 -W 2 "$@" "$address" > /dev/null || fail "no ping from $name to $address ($*)"
}

# silent NAME ADDRESS [PING-OPTION...]: no answer comes.
silent() {
    local name=$1 address=$2
    shift 2
    if on "$name" ping -q -n -c 1 -W 1 "$@" "$address" > /dev/null 2>&1; then
        fail "$name reaches $address, and must not ($*)"
    fi
}

# pings_start NAME ADDRESS [PING-OPTION...]: a hundred a second, until pings_end, which waits for twenty more answers
# and leaves in PINGS_LOST how many are missing among them. The last few may be under way still.
pings_start() {
    local name=$1 address=$2
    shift 2
    background "$name" ping ping -n -i 0.01 "$@" "$address"
    PINGING=$LAST_PID
}
pings_end() {
    wait_for 10 pings_answered $(($(pings_last) + 20))
    kill -INT "$PINGING"
    wait "$PINGING" || true
    # shellcheck disable=SC2034 # for who called
    PINGS_LOST=$(($(pings_last) - $(pings_numbers | wc -l)))
}
pings_numbers() { sed -n 's/.* bytes from .*icmp_seq=\([0-9]*\) .*/\1/p' "$WORK/ping.log" | sort -nu; }
pings_last() { pings_numbers | awk '{last = $1} END {print last + 0}'; }
pings_answered() { (($(pings_last) >= $1)); }

hex_key() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n' | sed 's/^/0x/'; }
