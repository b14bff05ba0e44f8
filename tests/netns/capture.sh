#!/usr/bin/env bash
# What cygnetd tells the kernel: rules, routes, marks, the sysctl; what the kernel then answers; and
# that nothing of it is left, or all that guards is, depending on how cygnetd ended.
#
#   gw: lan 10.1.0.1/24 fd01::1/64 --- host 10.1.0.2,  pub 192.0.2.1/24 2001:db8::1/64 --- peer
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin capture
ns_add gw host peer
veth gw lan host lan
veth gw pub peer pub
addr gw lan 10.1.0.1/24 fd01::1/64
addr host lan 10.1.0.2/24 fd01::2/64
addr gw pub 192.0.2.1/24 2001:db8::1/64
addr peer pub 192.0.2.2/24 2001:db8::2/64
forwarding_on gw
on gw ip route add default via 192.0.2.2
on gw ip -6 route add default via 2001:db8::2
on host ip route add default via 10.1.0.1
on gw sysctl -qw net.ipv4.conf.all.rp_filter=2

everything() {
    local family
    for family in -4 -6; do
        on gw ip "$family" rule
        on gw ip "$family" route show table all proto 219
    done
    on gw nft list ruleset
    on gw sysctl net.ipv4.conf.all net.ipv4.ip_forward
}
# way ADDRESS [OPTION...]: the device a packet takes, or "none".
way() { on gw ip route get "$@" 2> /dev/null | sed -n 's/.* dev \([^ ]*\) .*/\1/p' | grep . || echo none; }
# take ADDRESS: what the preferred source is, as the kernel would choose it.
source_to() { on gw ip route get "$1" | sed -n 's/.* src \([^ ]*\).*/\1/p'; }
routes() { on gw ip "$1" route show table "$2" | sed 's/ *$//; s/ pref medium//'; }
out() { # SELECTOR... : an outbound policy to the peer
    echo "spdadd $* -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/unique:1;"
}
is_empty() { [[ -z $("$@") ]]; }

before=$(everything)
gateway_start gw
assert_eq "$(on gw ip rule | grep -c '^219:.*not from all fwmark 0x219 lookup 219')" 1 'rule 219'
assert_eq "$(on gw ip -6 rule | grep -c '^219:.*not from all fwmark 0x219 lookup 219')" 1 'IPv6 rule 219'
assert_eq "$(on gw sysctl -n net.ipv4.conf.all.src_valid_mark)" 1 src_valid_mark

say "a network to a network: routes are enough"
{ out 10.1.0.0/16 10.2.0.0/16 any; out fd01::/32 fd02::/32 any; } | load gw
assert_eq "$(on gw ip route show table 219 10.2.0.0/16 | wc -l)" 2 'routes to 10.2.0.0/16'
assert_match "$(routes -4 219)" '10.2.0.0/16 dev cyg0 proto 219 scope link src 10.1.0.1 metric 1024 mtu 1[34][0-9][0-9]'
assert_match "$(routes -4 219)" 'unreachable 10.2.0.0/16 proto 219 metric 4294967295'
assert_match "$(routes -6 219)" 'fd02::/32 dev cyg0 proto 219 src fd01::1 metric 1024 mtu 1[34][0-9][0-9]'
assert_match "$(routes -6 219)" 'unreachable fd02::/32 dev lo proto 219 metric 4294967295'
assert_eq "$(way 10.2.3.4)" cyg0 '10.2.3.4'
assert_eq "$(source_to 10.2.3.4)" 10.1.0.1 'source to 10.2.3.4'
assert_eq "$(way fd02::5)" cyg0 'fd02::5'
assert_eq "$(way 10.2.3.4 mark 0x219)" pub 'our own packets'
assert_eq "$(way 10.3.3.4)" pub '10.3.3.4'
assert_eq "$(way 10.2.3.4 from 10.1.0.2 iif lan)" cyg0 'forwarded'

say "a source address that goes, and comes back"
on gw ip addr del 10.1.0.1/24 dev lan
wait_for 5 eval '! on gw ip route show table 219 | grep -q src'
assert_eq "$(way 10.2.3.4)" cyg0 'without the address'
addr gw lan 10.1.0.1/24
wait_for 5 eval 'on gw ip route show table 219 | grep -q "src 10.1.0.1"'

say "what others delete is put back"
on gw ip route flush table 219
wait_for 5 eval 'on gw ip route show table 219 | grep -q "10.2.0.0/16 dev cyg0"'
on gw ip rule del pref 219
wait_for 5 eval 'on gw ip rule | grep -q "^219:"'

say "a bypass inside: throw"
echo 'spdadd 0.0.0.0/0 10.2.5.0/24 any -P out prio high none;' | load gw
assert_match "$(routes -4 219)" 'throw 10.2.5.0/24 proto 219 metric 1024'
assert_eq "$(way 10.2.5.1)" pub 'bypass'
assert_eq "$(way 10.2.6.1)" cyg0 'beside it'

say "everything, from everywhere: the links are left alone, also those that come later"
{ echo 'spdflush;'; out 0.0.0.0/0 0.0.0.0/0 any; out ::/0 ::/0 any; } | load gw
for address in 10.1.0.2 fd01::2; do assert_eq "$(way $address)" lan $address; done
for address in 192.0.2.2 2001:db8::2; do assert_eq "$(way $address)" pub $address; done
for address in 10.2.0.1 198.51.100.1 2001:db8:5::1; do assert_eq "$(way $address)" cyg0 $address; done
veth gw late host late
addr gw late 10.77.0.1/24 fd77::1/64
wait_for 5 eval '[[ $(way 10.77.0.2)$(way fd77::2) == latelate ]]'
on gw ip link del late
wait_for 5 eval '[[ $(way 10.77.0.2)$(way fd77::2) == cyg0cyg0 ]]'

say "everything, from the LAN: rules by source"
{ echo 'spdflush;'; out 10.1.0.0/16 0.0.0.0/0 any; out fd01::/32 ::/0 any; } | load gw
assert_eq "$(way 198.51.100.1 from 10.1.0.2 iif lan)" cyg0 'forwarded'
assert_eq "$(way 2001:db8:5::1 from fd01::2 iif lan)" cyg0 'forwarded, IPv6'
assert_eq "$(way 198.51.100.1 from 10.1.0.1)" cyg0 'from the inner address'
assert_eq "$(way 198.51.100.1)" cyg0 'from no address yet'
assert_eq "$(source_to 198.51.100.1)" 10.1.0.1 'from no address yet'
assert_eq "$(way 198.51.100.1 from 192.0.2.1)" pub 'answers of the public address'
assert_eq "$(way 2001:db8:5::1 from 2001:db8::1)" pub 'answers of the public IPv6 address'
# IPv6 chooses the address before it follows such a rule: fd01::1 for fd05::, the public one else.
assert_eq "$(way fd05::1)" cyg0 'from no IPv6 address yet'
assert_eq "$(way 2001:db8:5::1)" pub 'from no IPv6 address yet, to a public one'
assert_eq "$(way 10.1.0.2 from 10.1.0.1)" lan 'the LAN'
assert_eq "$(way 198.51.100.1 mark 0x219)" pub 'our own packets'

say "one port, and fragments of it"
{ echo 'spdflush;'; out 10.1.0.0/16 '10.2.0.0/16[80]' tcp; } | load gw
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 80)" cyg0 'port 80'
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 81)" pub 'port 81'
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto tcp sport 65535 dport 81)" pub 'port 65535'
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto udp sport 40000 dport 80)" pub 'UDP'
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto tcp)" cyg0 'no ports: a fragment'
assert_eq "$(way 10.2.0.1 from 10.1.0.1 mark 0x219 ipproto tcp sport 40000 dport 80)" pub 'our own'
is_empty routes -4 219 || fail "table 219 must hold nothing of what rules decide: $(routes -4 219)"

say "real fragments: none of a datagram to the protected port leaves in clear"
{ echo 'spdflush;'; out 10.1.0.0/16 '10.2.0.0/16[5000]' udp; } | load gw
datagram() { on host "$PYTHON" -c '
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(int(sys.argv[2])), ("10.2.0.1", int(sys.argv[1])))' "$@"; }
capture peer pub fragments.pcap 'dst net 10.2.0.0/16'
datagram 5000 4000 # protected, in three fragments
datagram 5001 4000 # not protected, but no rule can tell its fragments from those
datagram 5001 1000 # not protected
capture_end
assert_eq "$("$PYTHON" -c '
import sys
from esp_witness import *
print(*(View(p).len for p in capture(sys.argv[1])))' "$WORK/fragments.pcap")" 1028 'lengths of what left in clear'

say "order: a bypass that comes first, then goes"
{ echo 'spdflush;'; out 10.1.0.0/16 '10.2.0.0/16[80]' tcp; } | load gw
echo 'spdadd 0.0.0.0/0 10.2.0.0/16[80] tcp -P out prio high none;' | load gw
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 80)" pub 'bypassed'
echo 'spddelete 0.0.0.0/0 10.2.0.0/16[80] tcp -P out;' | load gw
assert_eq "$(way 10.2.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 80)" cyg0 'not any more'

say "no policies: only the rule at 219 is left"
echo 'spdflush;' | load gw
is_empty routes -4 218 && is_empty routes -4 219 && is_empty routes -6 218 && is_empty routes -6 219 ||
    fail "routes without policies"
assert_eq "$(on gw ip rule | grep -c 'proto 219')" 1 'rules without policies'

say "a clean stop leaves nothing"
{ out 10.1.0.0/16 10.2.0.0/16 any; out 10.1.0.0/16 '10.3.0.0/16[80]' tcp; out fd01::/32 ::/0 any; } | load gw
gateway_stop gw
assert_eq "$(everything)" "$before" 'after a clean stop'

say "kill -9: the guards take over"
gateway_start gw
{ out 10.1.0.0/16 10.2.0.0/16 any; out 10.1.0.0/16 10.4.0.0/16 any; out 10.1.0.0/16 '10.3.0.0/16[80]' tcp; out fd01::/32 fd02::/32 any; } | load gw
gateway_kill gw
wait_for 5 eval '! on gw ip link show cyg0'
for address in 10.2.0.1 10.4.0.1 fd02::1; do assert_eq "$(way $address)" none "$address without cygnetd"; done
assert_eq "$(way 10.3.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 80)" none 'port 80 without cygnetd'
assert_eq "$(way 10.3.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 81)" pub 'port 81 without cygnetd'
assert_match "$(on host ping -n -c 1 -W 2 10.2.0.1 2>&1 || true)" 'Unreachable'

say "a new one takes over: guards stay until policies are loaded, a flush is no such load"
gateway_start gw
for address in 10.2.0.1 10.4.0.1 fd02::1; do assert_eq "$(way $address)" none "$address after the start"; done
{ echo 'spdflush;'; out 10.1.0.0/16 10.2.0.0/16 any; } | load gw
assert_eq "$(way 10.2.0.1)" cyg0 'loaded again'
assert_eq "$(way 10.4.0.1)" none 'not loaded yet'
assert_eq "$(way 10.3.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 80)" none 'port 80, not loaded yet'
wait_for 8 eval '[[ $(way 10.4.0.1) == pub ]]'
assert_eq "$(way 10.2.0.1)" cyg0 'loaded, after the others went'
assert_eq "$(way 10.3.0.1 from 10.1.0.2 iif lan ipproto tcp sport 40000 dport 80)" pub 'port 80, not loaded'
assert_eq "$(on gw ip rule | grep -c 'proto 219')" 1 'rules'
gateway_stop gw
assert_eq "$(everything)" "$before" 'after the second clean stop'

say "a thousand policies, each in force when it is acknowledged"
gateway_start gw
for i in {0..999}; do out 10.1.0.0/16 10.$((100 + i / 250)).$((i % 250)).0/24 any; done > "$WORK/many.conf"
time sk gw -f "$WORK/many.conf"
assert_eq "$(on gw ip route show table 219 | grep -c cyg0)" 1000 'routes'
echo 'spdflush;' | load gw
is_empty routes -4 219 || fail 'routes left after a flush'
gateway_stop gw
assert_eq "$(everything)" "$before" 'after the third clean stop'
