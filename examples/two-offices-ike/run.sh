#!/usr/bin/env bash
# Two offices whose gateways agree on their keys by IKEv2: Cygnet with Cygnet, then Cygnet with strongSwan,
# from the same files. Keys are renewed, daemons are killed and started again while a ping runs. Nothing
# leaves the namespaces; everything is removed at the end.
#
#        office A                         the wire                         office B
#  ┌──────────────────┐          ┌───────────────────────┐          ┌──────────────────┐
#  │ hostA  10.1.0.2  │          │      namespace pub    │          │ hostB  10.2.0.2  │
#  │          │       │   IKE    │                       │   IKE    │          │       │
#  │ gwA: cygnet-iked │══════════│═══════════════════════│══════════│ gwB: cygnet-iked │
#  │      cygnetd     │   ESP    │                       │   ESP    │ or strongSwan    │
#  │      192.0.2.1   │          │                       │          │ cygnetd 192.0.2.2│
#  └──────────────────┘          └───────────────────────┘          └──────────────────┘
#
#   run.sh [cygnet | strongswan]    only this one at the far end
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/example.sh
source "$here/../../tests/lib/example.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"

sed -n '/^# *office A/,/^# *└/s/^# \?//p' "${BASH_SOURCE[0]}"
example_prepare ike
lab_begin two-offices-ike
offices_up
iked_conf gwA < "$here/office-a.conf"
iked_conf gwB < "$here/office-b.conf"

flows() { on hostA ping -q -n -c 1 -W 1 10.2.0.2 > /dev/null 2>&1 && on hostB ping -q -n -c 1 -W 1 fd00:1::2 > /dev/null 2>&1; }
children() { ike_field gwA '.[].children[] | "0x\(.spi_in) in, 0x\(.spi_out) out"'; }
# watched TITLE COMMAND...: does it, waits until traffic flows both ways, and says what it cost.
watched() {
    local title=$1 start=${EPOCHREALTIME/./} took
    shift
    "$@" > "$WORK/step.log" 2>&1 || { cat "$WORK/step.log"; fail "$title"; }
    wait_for 30 flows
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
    printf '  %-46s flows after %5d ms; SPIs %s\n' "$title" "$took" "$(children | paste -sd' ')"
}

# new_keys GATEWAY: of the child, by its IKE daemon.
new_keys() {
    local before
    before=$(children)
    case ${FAR_END:-}$1 in
        strongswangwB) swan gwB --rekey --child net ;;
        *) ike "$1" rekey office/net ;;
    esac
    renewed() { [[ $(children) != "$before" && -n $(children) ]]; }
    wait_for 10 renewed
}
new_ike_keys() { ike gwA rekey office; }

far_start() {
    if [[ $FAR_END == strongswan ]]; then
        charon_start gwB
        swan_load gwB < "$here/office-b.conf"
    else
        iked_start gwB
    fi
}
far_kill() {
    if [[ $FAR_END == strongswan ]]; then
        kill -KILL "${CHARON_PID[gwB]}"
        wait "${CHARON_PID[gwB]}" 2> /dev/null || true
    else
        iked_kill gwB
    fi
}
near_again() { iked_kill gwA && iked_start gwA; }
far_again() { far_kill && far_start; }
data_plane_again() { gateway_kill "$1" && gateway_start "$1"; }

tunnel() {
    FAR_END=$1
    gateway_start gwA
    gateway_start gwB
    background hostA watch ping -n -i 0.2 10.2.0.2
    WATCH=$LAST_PID
    watched "the gateways start" eval 'iked_start gwA; far_start'
    ike gwA status | sed -n '/^IKE/,$p'
    watched "new keys for the tunnel, from office A" new_keys gwA
    watched "new keys for the tunnel, from office B" new_keys gwB
    watched "new keys for IKE itself" new_ike_keys
    watched "kill -9, and start, of A's cygnet-iked" near_again
    watched "kill -9, and start, of B's IKE daemon" far_again
    watched "kill -9, and start, of A's cygnetd" data_plane_again gwA
    watched "kill -9, and start, of B's cygnetd" data_plane_again gwB
    kill -INT "$WATCH"
    wait "$WATCH" || true
    echo "  the ping, over all of it: $(grep 'packets transmitted' "$WORK/watch.log")"
    iked_stop gwA
    far_kill
    gateway_stop gwA
    gateway_stop gwB
}

for far_end in ${1:-cygnet strongswan}; do
    say "office B has $far_end"
    tunnel "$far_end"
done
echo
echo "two-offices-ike: done; all of it healed by itself, nothing is left behind"
