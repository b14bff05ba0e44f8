#!/usr/bin/env bash
# pluto behind a masquerading NAT, and a pluto that knows nothing of it before: the daemons find it, ESP goes in
# UDP, traffic and new keys both ways. The topology stands in tests/lib/strongswan.sh (nat_offices).
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
# shellcheck source=tests/lib/libreswan.sh
source "$LIB/libreswan.sh"
lab_begin libreswan-nat
nat_offices
nat_map 20000
gateway_start gwA
gateway_start gwB

# Names instead of addresses: nobody knows the NAT's.
conf() { # OWN OWN-ID OWN-NETWORK OTHER OTHER-ID OTHER-NETWORK
    printf 'config setup\nconn net\n    authby=secret\n    ikev2=insist\n    auto=ignore\n    esp=aes_gcm256\n'
    printf '    left=%s\n    leftid=%s\n    leftsubnet=%s\n    right=%s\n    rightid=%s\n    rightsubnet=%s\n' "$@"
}
pluto_start gwA @gwA @gwB < <(conf 10.9.0.1 @gwA 10.1.0.0/24 192.0.2.2 @gwB 10.2.0.0/24)
pluto_start gwB @gwB @gwA < <(conf 192.0.2.2 @gwB 10.2.0.0/24 %any @gwA 10.1.0.0/24)
for name in gwA gwB; do pluto_add $name net; done

say "up through the NAT"
whack gwA --initiate --name net > "$WORK/initiate.log" || fail "net did not come up: $(cat "$WORK/initiate.log")"
pluto_said gwA 'ESPinUDP.*NATD=192.0.2.2:4500' || fail "pluto did not find the NAT"
pluto_said gwB 'ESPinUDP.*NATD=192.0.2.254:20000' || fail "pluto did not see where the NAT is"
capture gwB wan wire.pcap 'esp or (udp port 4500 and udp[8:4] != 0)'
reaches officeA 10.2.0.2
reaches officeB 10.1.0.2
capture_end
assert_eq "$(tshark -r "$WORK/wire.pcap" -T fields -e ip.proto 2> /dev/null | sort | uniq -c | awk '{print $2, $1}')" '17 4' "packets on the wire, by IP protocol"
assert_match "$(ex gwB ip xfrm state)" 'encap type espinudp sport 20000 dport 4500' "the SAs of gwB"
assert_eq "$(pluto_bytes gwA net)" '168 168' "bytes, by whack --trafficstatus"

say "new keys through the NAT"
spis() { ex gwB ip xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort -u; }
before=$(spis)
whack gwA --rekey-ipsec --name net > "$WORK/rekey.log" || fail "no rekey: $(cat "$WORK/rekey.log")"
renewed() { [[ -z $(comm -12 <(echo "$before") <(spis)) ]]; }
wait_for 10 renewed
reaches officeB 10.1.0.2
reaches officeA 10.2.0.2
echo "pluto behind a NAT: all is as it should be"
