#!/usr/bin/env bash
# How fast is it, beside others on the same machine at the same time? Two offices once for each way
# between them, all in network namespaces; measured in turn, round after round. Needs root, and
# installs what it compares with (tests/packages, kind bench). docs/performance.md has the figures.
#
#   tests/bench/run.sh [--quick] [--rounds N] [--seconds S] [--only NAME,NAME...] [--out FILE]
#
# --quick takes about a minute and a half and says little. Without openvpn it fails, as ratios are to that.
# It measures an optimised build, which it makes in build-release/ unless CYGNET_BUILD names one.
CYGNET_BUILD=${CYGNET_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build-release}
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/bench/tunnels.sh
source "$ROOT/tests/bench/tunnels.sh"

only='' out=$BUILD/bench.json measure=()
while (($#)); do
    case $1 in
        --quick) measure+=(--quick) ;;
        --rounds | --seconds) measure+=("$1" "${2:?$1 takes a number}") && shift ;;
        --only) only=,$2, && shift ;;
        --out) out=$2 && shift ;;
        *) fail "unknown option $1" ;;
    esac
    shift
done

"$ROOT/tests/install-packages.sh" build run bench
cmake -S "$ROOT" --preset release -B "$BUILD" > /dev/null
cmake --build "$BUILD" -j "$(nproc)" --target cygnetd setkey cygnet blast > /dev/null
lab_begin bench
[[ -n $(type -P openvpn) ]] || fail 'no openvpn: every ratio is to that'

# tunnel NAME PROGRAM UP-COMMAND...: made, and put on the list; left out, aloud, without its program.
tunnel() {
    local name=$1 program=$2
    shift 2
    [[ -z $only || $only == *",$name,"* ]] || return 0
    if [[ ! -e $program && -z $(type -P "$program") ]]; then
        echo "left out: $name, there is no $program"
        return 0
    fi
    tunnel_offices "$name"
    "$1" "$name" "${@:2}"
    reaches "$name-hostA" 10.2.0.2
    printf '%s\t%s\n' "$name" "${TUNNEL_PIDS:--}" >> "$WORK/tunnels"
}

tunnel plain ip plain_up
for crypto in openssl ipsec-mb; do
    if [[ $crypto == ipsec-mb ]] && ! ldconfig -p | grep -q 'libIPSec_MB\.so\.1 '; then
        echo "left out: $crypto, there is no such library"
        continue
    fi
    for way in raw udp; do tunnel "$way-$crypto" "$BIN/cygnetd" cygnet_up "$way" --crypto "$crypto"; done
    tunnel "fast-$crypto" "$BIN/cygnetd" cygnet_up raw --wire fast --crypto "$crypto"
done
tunnel openvpn openvpn openvpn_up
tunnel wireguard-go wireguard-go wireguard_go_up
tunnel libipsec charon-systemd libipsec_up

"$PYTHON" "$ROOT/tests/bench/measure.py" --lab "$LAB" --tunnels "$WORK/tunnels" \
    --blast "$BUILD/tests/bench/blast" --out "$out" "${measure[@]}"
