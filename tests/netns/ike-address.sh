#!/usr/bin/env bash
# The outer address of a gateway changes under a running tunnel, as a provider changes it: the tunnel
# comes back between the new ends by itself, without liveness checks, and of what is sent meanwhile
# nothing is seen in clear. One that comes back keeps the tunnel.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
#             192.0.2.1, then .11, .12, .13
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-address
offices_up

# conf US THEM SETTING START: no dpd_delay, so that nobody but the host tells of the change.
conf() {
    cat <<CONF
connections {
    office {
        $3
        keyingtries = 0
        local { auth = psk
            id = office-$1.example.org
        }
        remote { auth = psk
            id = office-$2.example.org
        }
        children {
            net {
                local_ts = 10.$1.0.0/24
                remote_ts = 10.$2.0.0/24
                start_action = $4
            }
        }
    }
}
secrets { ike { secret = "a secret of more than twenty octets" } }
cygnet { retransmit_timeout = 0.3 }
CONF
}
at_end show_ends
show_ends() { if ((status != 0)); then for gateway in gwA gwB; do ike "$gateway" status; done; fi; }

# As a DHCP client does it, the routes along with it.
leave() { ip -n "${LAB}gwA" addr del "192.0.2.$1/24" dev pub0; }
take() {
    addr gwA pub0 "192.0.2.$1/24"
    ip -n "${LAB}gwA" route add default via 192.0.2.2
}
flows() { on hostA ping -q -n -c 1 -W 1 10.2.0.2; }
stopped() { ! flows; }
local_is() { [[ $(ike_field gwA '.[].local') == "192.0.2.$1["* ]]; }
ike_spi() { ike_field gwA '.[].spi_i'; }
# One tunnel, between these ends, on both sides; and of the one before there is nothing.
between() { # NUMBER
    local gateway
    wait_for 20 local_is "$1"
    wait_for 20 flows
    for gateway in gwA gwB; do
        wait_for 10 ike_is "$gateway" 'map(.children | length) | tojson' '[1]'
        assert_eq "$(sk "$gateway" -D | grep -c ' spi=')" 2 "SAs on $gateway"
        assert_eq "$(sk "$gateway" -D | grep -oE '192\.0\.2\.[0-9]+' | sort -u | tr '\n' ' ')" "192.0.2.$1 192.0.2.2 " "ends of the SAs on $gateway"
        assert_eq "$(sk "$gateway" -DP | grep -c 'esp/tunnel')" 3 "policies on $gateway"
    done
    [[ $(ike_field gwB '.[].remote') == "192.0.2.$1["* ]] || fail "gwB speaks with another one"
}
captured() { tcpdump -r "$WORK/clear.pcap" "$@" 2> /dev/null | wc -l; }
in_clear() { captured not host 10.9.9.9; }
# Of what either gateway put on the wire before its mark nothing is still on its way to the capture when that is there.
# An IPv4 header alone; with a right checksum, which a bridge looks at.
marks=0
marked() { (($(captured host 10.9.9.9) >= marks)); }
mark_capture() {
    local gateway
    for gateway in gwA gwB; do
        marks=$((marks + 1))
        on "$gateway" "$PYTHON" -c '
import socket
header = bytes.fromhex("45000014 0000 0000 40fd 53ca") + socket.inet_aton("10.9.9.9") * 2
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("pub0", 0))
wire.send(bytes.fromhex("0200000000aa 0200000000bb 0800") + header)'
        wait_for 10 marked
    done
}
# moved COMMAND...: of what is sent while that is done nothing is seen on the wire.
moved() {
    local before
    before=$(in_clear)
    "$@"
    mark_capture
    assert_eq "$(in_clear)" "$before" 'packets of the offices on the wire in clear'
    kill -0 "$pinging" || fail "the ping ended"
}

conf 1 2 'remote_addrs = 192.0.2.2' start | iked_conf gwA
conf 2 1 'remote_addrs = 192.0.2.12, 192.0.2.0/24' none | iked_conf gwB
for gateway in gwB gwA; do
    gateway_start "$gateway"
    iked_start "$gateway"
done
between 1
capture pub br0 clear.pcap 'net 10.0.0.0/8'
background hostA ping ping -n -i 0.05 10.2.0.2
pinging=$LAST_PID

say "any address: another one"
another() {
    leave "$1"
    take "$2"
    between "$2"
}
moved another 1 11

say "it goes, and comes back: the same tunnel"
before=$(ike_spi)
back() {
    leave 11
    wait_for 10 stopped
    take 11
    wait_for 10 flows
    between 11
}
moved back
assert_eq "$(ike_spi)" "$before" 'SPI of the IKE SA'

say "one of a list: the next one"
conf 1 2 'remote_addrs = 192.0.2.2
        local_addrs = 192.0.2.11, 192.0.2.12, 192.0.2.13' start | iked_conf gwA
ike gwA load "$WORK/gwA.ike" > /dev/null
between 11
before=$(ike_spi)
moved another 11 12
[[ $(ike_spi) != "$before" ]] || fail "it was not made anew"

say "the same where the other end had begun"
ike gwA down office > /dev/null
ike gwB up office > /dev/null
between 12
assert_eq "$(ike_field gwA '.[].initiator')" false 'who began'
moved another 12 13

say "the control: without policies they would be seen"
before=$(in_clear)
for gateway in gwA gwB; do
    iked_stop "$gateway"
    gateway_stop "$gateway"
done
ip -n "${LAB}gwB" route replace default via 192.0.2.13
wait_for 10 flows
seen_in_clear() { (($(in_clear) > before)); }
wait_for 10 seen_in_clear
