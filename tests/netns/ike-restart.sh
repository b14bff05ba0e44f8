#!/usr/bin/env bash
# What heals by itself: cygnet-iked killed and started again on either side, cygnetd killed and started
# again, a whole gateway that dies and comes back. Nobody is asked for anything in between.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-restart
offices_up
# Without a tunnel nothing reaches the other office.
for side in A B; do
    ip -n "${LAB}gw$side" route replace unreachable 10.1.0.0/16 metric 9999
    ip -n "${LAB}gw$side" route replace unreachable 10.2.0.0/16 metric 9999
done

conf() {
    local us=1 them=2
    if [[ $1 == B ]]; then us=2 them=1; fi
    iked_conf "gw$1" <<CONF
connections {
    office {
        remote_addrs = 192.0.2.$them
        keyingtries = 0
        dpd_delay = 1s
        local { auth = psk }
        remote { auth = psk }
        children {
            net {
                local_ts = 10.$us.0.0/24
                remote_ts = 10.$them.0.0/24
                start_action = start
                dpd_action = restart
            }
        }
    }
}
secrets { ike { secret = "a secret of more than twenty octets" } }
cygnet { retransmit_timeout = 0.2
    retransmit_base = 1.2
    retransmit_tries = 4
}
CONF
}
conf A
conf B

flows() { on hostA ping -q -n -c 1 -W 1 10.2.0.2 > /dev/null; }
# The same IKE SAs on both sides, each with its child. Where both began at the same moment there are two.
settled() {
    local a b sas='map([.spi_i, (.children | length)]) | sort | tojson'
    a=$(ike_field gwA "$sas") && b=$(ike_field gwB "$sas") && [[ $a == "$b" && $a == '[['*',1]]' ]]
}
at_end show_ends
show_ends() { if ((status != 0)); then for gateway in gwA gwB; do ike "$gateway" status --json | jq -c ".ike[]"; done; fi; }
heals() {
    wait_for 15 flows
    wait_for 15 settled
    flows || fail "settled, but nothing flows"
    echo "ok: $1"
}

for gateway in gwA gwB; do
    gateway_start "$gateway"
    iked_start "$gateway"
done
heals "up from both ends at once"

for gateway in gwA gwB; do
    say "cygnet-iked on $gateway is killed: traffic flows on; and started again: one tunnel"
    iked_kill "$gateway"
    flows || fail "traffic stopped with cygnet-iked"
    iked_start "$gateway"
    heals "cygnet-iked on $gateway"
done

for gateway in gwA gwB; do
    say "cygnetd on $gateway is killed and started again"
    gateway_kill "$gateway"
    gateway_start "$gateway"
    heals "cygnetd on $gateway"
done

say "gwB dies whole, is missed, and comes back"
iked_kill gwB
gateway_kill gwB
missed() { ike_is gwA length 0; }
wait_for 15 missed
gateway_start gwB
iked_start gwB
heals "gwB"
