#!/usr/bin/env bash
# A laptop at home, 10.0.0.7, opens a dashboard in the office, 10.0.5.9, through the tunnel of the
# two gateways; then everything it does, a web site of the world included, goes through the office.
# Installs and builds what is missing (and says so); nothing leaves the namespaces; everything is
# removed at the end.
#
#        home                         the internet                         office
#  ┌────────────────┐          ┌────────────────────────┐          ┌────────────────────┐
#  │ laptop         │          │  router; provider and  │          │ dashboard  10.0.5.9│
#  │   10.0.0.7     │          │  eavesdropper          │          │   fd00:50::9   :80 │
#  │   fd00:70::7   │          │                        │          │         │          │
#  │       │        │          │                        │          │ gwOffice: cygnetd  │
#  │ gwHome:cygnetd │══════════│════════════════════════│══════════│   198.51.100.5     │
#  │  203.0.113.7   │          │                        │          │   2001:db8:5::5    │
#  │  2001:db8:7::7 │          └────────────────────────┘          │         │          │
#  └────────────────┘                                              │ site 192.0.2.80:80 │
#                                                                  │ 2001:db8:80::80    │
#                                                                  └────────────────────┘
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/example.sh
source "$here/../../tests/lib/example.sh"

sed -n '/^# *home  /,/^# *└──*┘$/s/^# \?//p' "${BASH_SOURCE[0]}"
example_prepare
lab_begin laptop-to-office

say "six namespaces, a gateway in two of them"
ns_add laptop gwHome internet gwOffice dashboard site
# cable NAME1 DEVICE1 ADDRESS1 ADDRESS1-V6 NAME2 DEVICE2 ADDRESS2 ADDRESS2-V6
cable() {
    veth "$1" "$2" "$5" "$6"
    addr "$1" "$2" "$3" "$4"
    addr "$5" "$6" "$7" "$8"
}
cable laptop lan 10.0.0.7/24 fd00:70::7/64 gwHome lan 10.0.0.1/24 fd00:70::1/64
cable gwHome wan 203.0.113.7/24 2001:db8:7::7/64 internet home 203.0.113.1/24 2001:db8:7::1/64
cable gwOffice wan 198.51.100.5/24 2001:db8:5::5/64 internet office 198.51.100.1/24 2001:db8:5::1/64
cable dashboard lan 10.0.5.9/24 fd00:50::9/64 gwOffice lan 10.0.5.1/24 fd00:50::1/64
cable site lan 192.0.2.80/24 2001:db8:80::80/64 gwOffice dmz 192.0.2.1/24 2001:db8:80::1/64
# default NAME IPV4 IPV6
default() {
    ip -n "$LAB$1" route add default via "$2"
    ip -n "$LAB$1" -6 route add default via "$3"
}
default laptop 10.0.0.1 fd00:70::1
default gwHome 203.0.113.1 2001:db8:7::1
default gwOffice 198.51.100.1 2001:db8:5::1
default dashboard 10.0.5.1 fd00:50::1
default site 192.0.2.1 2001:db8:80::1
forwarding_on gwHome internet gwOffice
gateway_start gwHome
gateway_start gwOffice
load gwHome < "$here/home.conf"
load gwOffice < "$here/office.conf"
cy gwHome status

figures="Dashboard: 42 geese, 7 swans"
mkdir "$WORK/office" "$WORK/site"
echo "<h1>$figures</h1>" > "$WORK/office/index.html"
echo "<h1>A site of the world</h1>" > "$WORK/site/index.html"
web_server dashboard "$WORK/office" 10.0.5.9 fd00:50::9
web_server site "$WORK/site" 192.0.2.80 2001:db8:80::80

# visit URL TEXT: the laptop's browser
visit() {
    local got
    got=$(on laptop curl -sSf --max-time 10 "$1")
    echo "  $1  ->  $got"
    assert_eq "$got" "<h1>$2</h1>" "$1"
}

say "the laptop opens the dashboard"
capture internet office wire.pcap
visit http://10.0.5.9/ "$figures"
visit 'http://[fd00:50::9]/' "$figures"
capture_end
say "the provider's network is no way to it"
refused on internet curl -sSf --max-time 1 http://10.0.5.9/
echo "  $SAID"
what_an_eavesdropper_reads "$WORK/wire.pcap" "$here/home.conf" "$figures" Dashboard swans GET
what_the_keys_open "$WORK/wire.pcap" "$here/home.conf" gwHome

say "now everything goes through the office: 0.0.0.0/0 and ::/0"
load gwHome < "$here/home-all.conf"
load gwOffice < "$here/office-all.conf"
capture internet office all.pcap
visit http://192.0.2.80/ 'A site of the world'
visit 'http://[2001:db8:80::80]/' 'A site of the world'
visit http://10.0.5.9/ "$figures"
reaches laptop 10.0.0.1
capture_end
what_an_eavesdropper_reads "$WORK/all.pcap" "$here/home.conf" "$figures" 'A site of the world' 192.0.2.80

gateway_stop gwHome
gateway_stop gwOffice
echo
echo "laptop-to-office: done; all of it passed, nothing is left behind"
