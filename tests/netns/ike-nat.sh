#!/usr/bin/env bash
# IKE through a NAT: it is found, IKE and ESP move to port 4500; the mapping changes and the far end
# follows; a laptop behind the same NAT gets a virtual address.
#
#   hostA --- gwA --+
#    10.1.0.2  .1   +-- 10.9.0.0/24 -- nat ==[ 198.51.100.0/24 ]== gwB --- hostB
#           laptop -+                   .1                          .2     10.2.0.2
#                 .3
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-nat
ns_add hostA gwA laptop nat gwB hostB
ip -n "${LAB}nat" link add in0 type bridge
ip -n "${LAB}nat" link set in0 up
addr nat in0 10.9.0.254/24
veth gwB pub0 nat out0
addr nat out0 198.51.100.1/24
addr gwB pub0 198.51.100.2/24
forwarding_on gwA gwB nat
for side in A:1 B:2; do
    name=${side%:*} n=${side#*:}
    veth "gw$name" lan "host$name" lan
    addr "gw$name" lan "10.$n.0.1/24"
    addr "host$name" lan "10.$n.0.2/24"
    ip -n "${LAB}host$name" route add default via "10.$n.0.1"
done
for inside in gwA:1 laptop:3; do
    name=${inside%:*} n=${inside#*:}
    veth "$name" pub0 nat "in-$name"
    ip -n "${LAB}nat" link set "in-$name" master in0
    addr "$name" pub0 "10.9.0.$n/24"
    ip -n "$LAB$name" route add default via 10.9.0.254
done
# map PORT: from now on gwA's port 4500 is that port of the NAT's; whose it was is forgotten.
map() {
    on nat nft -f - <<NFT
table ip nat
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname out0 ip saddr 10.9.0.1 udp sport 4500 snat to 198.51.100.1:$1
    oifname out0 masquerade random
  }
}
NFT
    on nat "$PYTHON" "$LIB/conntrack_flush.py"
}
map 1024

auth='local { auth = psk
        id = %s
    }
    remote { auth = psk
        id = %s
    }'
secrets='secrets { ike { secret = "a secret of more than twenty octets" } }'
# shellcheck disable=SC2059 # the format is ours
iked_conf gwA <<CONF
connections { office { remote_addrs = 198.51.100.2
    $(printf "$auth" a.example.org b.example.org)
    children { net { local_ts = 10.1.0.0/24
        remote_ts = 10.2.0.0/24
        start_action = start
    } } } }
$secrets
cygnet { keep_alive = 1s
}
CONF
# shellcheck disable=SC2059
iked_conf laptop <<CONF
connections { home { remote_addrs = 198.51.100.2
    vips = 0.0.0.0
    $(printf "$auth" laptop@example.org b.example.org)
    children { net { remote_ts = 10.2.0.0/24 } } } }
$secrets
CONF
# shellcheck disable=SC2059
iked_conf gwB <<CONF
connections {
    office {
        $(printf "$auth" b.example.org a.example.org)
        children { net { local_ts = 10.2.0.0/24
            remote_ts = 10.1.0.0/24
        } } }
    laptops {
        pools = desk
        $(printf "$auth" b.example.org '*@example.org')
        children { net { local_ts = 10.2.0.0/24
        } } }
}
pools { desk { addrs = 10.99.0.0/24
} }
$secrets
CONF
for name in gwB gwA laptop; do
    gateway_start "$name"
    iked_start "$name"
done

say "found: both speak through port 4500, ESP in UDP"
up() { ike_is gwA '.[0].children | length' 1; }
wait_for 10 up
assert_eq "$(ike_field gwA '.[0] | [.local, .remote, .nat_here, .nat_there, .children[0].udp] | @text')" \
    '["10.9.0.1[4500]","198.51.100.2[4500]",true,false,true]' 'the near end'
assert_eq "$(ike_field gwB '.[0] | [.local, .remote, .nat_here, .nat_there] | @text')" \
    '["198.51.100.2[4500]","198.51.100.1[1024]",false,true]' 'the far end'
reaches hostA 10.2.0.2
reaches hostB 10.1.0.2

say "new keys through it"
before=$(ike_field gwA '.[0].children[0].spi_in')
ike gwB rekey office/net
changed() { [[ $(ike_field gwA '.[0].children[0].spi_in') != "$before" && $(ike_field gwA '.[0].children | length') == 1 ]]; }
wait_for 5 changed
reaches hostB 10.1.0.2

say "the mapping changes: the far end follows"
map 2048
on hostA ping -q -n -c 20 -i 0.1 -W 1 10.2.0.2 > /dev/null || fail "nothing passes"
moved() { ike_is gwB '.[0].remote' '198.51.100.1[2048]'; }
wait_for 5 moved
reaches hostB 10.1.0.2
before=$(ike_field gwA '.[0].children[0].spi_in')
ike gwB rekey office/net # IKE goes there, too
wait_for 5 changed

say "a laptop gets an address of the office, and uses it"
ike laptop up home
assert_eq "$(ike_field laptop '.[0].vips | @text')" '["10.99.0.1"]' 'its address'
assert_match "$(on laptop ip -4 addr show dev lo)" '10.99.0.1/32'
capture hostB lan plain.pcap icmp
on laptop ping -q -n -c 2 -i 0.1 -W 2 10.2.0.2 > /dev/null || fail "the office does not answer the laptop"
capture_end
assert_match "$(on hostB tcpdump -nr "$WORK/plain.pcap" 2> /dev/null)" '10.99.0.1 > 10.2.0.2'
reaches hostA 10.2.0.2 # beside it
iked_stop laptop
if on laptop ip -4 addr show dev lo | grep -F 10.99; then fail "the address stayed"; fi
