#!/usr/bin/env bash
# Two offices, one tunnel. Installs and builds what is missing (and says so), lays out five network
# namespaces, starts a gateway in two of them and carries real traffic; then reads the wire as an
# eavesdropper would. Nothing leaves the namespaces; everything is removed at the end.
#
#        office A                         the wire                         office B
#  ┌──────────────────┐          ┌───────────────────────┐          ┌──────────────────┐
#  │ hostA  10.1.0.2  │          │      namespace pub    │          │ hostB  10.2.0.2  │
#  │        fd00:1::2 │          │   the eavesdropper    │          │        fd00:2::2 │
#  │          │       │          │                       │          │          │  :80  │
#  │   gwA: cygnetd   │══════════│═══════════════════════│══════════│   gwB: cygnetd   │
#  │      192.0.2.1   │          │  protocol 50 only:    │          │      192.0.2.2   │
#  │      2001:db8::1 │          │  gateway to gateway   │          │      2001:db8::2 │
#  └──────────────────┘          └───────────────────────┘          └──────────────────┘
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/example.sh
source "$here/../../tests/lib/example.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"

sed -n '/^# *office A/,/^# *└/s/^# \?//p' "${BASH_SOURCE[0]}"
example_prepare
lab_begin two-offices

say "five namespaces; a gateway in two of them, configured by setkey"
offices_up
gateway_start gwA
gateway_start gwB
load gwA < "$here/office-a.conf"
load gwB < "$here/office-b.conf"
chmod 600 "$WORK"/*.conf
cy gwA status

page="The swan's quarterly figures: 4711 cygnets."
mkdir "$WORK/web"
echo "<h1>$page</h1>" > "$WORK/web/index.html"
head -c 200000000 /dev/urandom > "$WORK/web/file"
web_server hostB "$WORK/web" 10.2.0.2 fd00:2::2

say "from office A: ping, and a web page of office B, over IPv4 and IPv6"
capture pub br0 wire.pcap
for address in 10.2.0.2 fd00:2::2; do
    on hostA ping -n -c 2 -i 0.2 "$address" | grep 'bytes from'
    echo "  curl http://$(bracket $address)/"
    fetched=$(on hostA curl -sSf "http://$(bracket $address)/")
    echo "  $fetched"
    assert_eq "$fetched" "<h1>$page</h1>" 'the page'
done
capture_end

say "a file of 200 MB, over IPv4 and IPv6"
same_file hostA http://10.2.0.2/file "$WORK/web/file"
same_file hostA 'http://[fd00:2::2]/file' "$WORK/web/file"

what_an_eavesdropper_reads "$WORK/wire.pcap" "$here/office-a.conf" "$page" swan GET HTTP
what_the_keys_open "$WORK/wire.pcap" "$here/office-a.conf" gwA

say "what the gateway counted"
cy gwA status
sk gwA -D | sed -n '1,12p' | sed -E 's/(E: aes-gcm-16 ).*/\1 (hidden here)/'
gateway_stop gwA
gateway_stop gwB
echo
echo "two-offices: done; all of it passed, nothing is left behind"
