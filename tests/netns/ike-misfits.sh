#!/usr/bin/env bash
# An authenticated peer that sends what was not agreed hears of it by INVALID_SELECTORS (RFC 4301 5.2, RFC 7296
# 3.10.1): once a second at most, and nobody hears of what fits, of what is not authentic, or of our own faults.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-misfits
offices_up

conf() {
    local us=1 them=2
    if [[ $1 == B ]]; then us=2 them=1; fi
    iked_conf "gw$1" <<CONF
connections {
    office {
        remote_addrs = 192.0.2.$them
        local { auth = psk }
        remote { auth = psk }
        children {
            net {
                local_ts = 10.$us.0.0/24
                remote_ts = 10.$them.0.0/24
            }
            cross {
                local_ts = 10.$us$us.0.0/24
                remote_ts = 10.$them$them.0.0/24
            }
        }
    }
}
secrets { ike { secret = "a secret of more than twenty octets" } }
CONF
}

for side in A B; do
    conf "$side"
    gateway_start "gw$side"
    iked_start "gw$side"
done

# How often each has been told.
told() { grep -c 'INVALID_SELECTORS$\|INVALID_SELECTORS (SPIs' "$WORK/iked-$1.log" || true; }
told_is() { (($(told "$1") == $2)); }
told_more() { (($(told "$1") > $2)); }
spi_of() { ike_field "$1" '.[0].children[] | select(.name == "net").spi_out'; }
# One child again, and a new one: the old one is deleted a moment later.
changed() {
    local now
    now=$(spi_of gwA)
    [[ $now != "$1" && $now =~ ^[0-9a-f]+$ ]]
}
# New keys, asked for by gwB: what its machine has asked before, gwA has heard by then (one request at a time).
settle() {
    local before
    before=$(spi_of gwA)
    ike gwB rekey office/net
    wait_for 10 changed "$before"
}
# one_from SRC DST: one packet of hostA's, to nowhere.
one_from() { on hostA ping -q -n -c 1 -W 0.2 -I "$1" "$2" > /dev/null 2>&1 || true; }

say "good traffic, new keys, the end and the beginning under it: nobody is told anything"
ike gwA up office/net
ike gwA up office/cross
background hostA ping ping -n -i 0.01 10.2.0.2
pinging=$LAST_PID
reaches hostB 10.11.0.2 -I 10.22.0.2
settle
ike gwB down office/net
ike gwB up office/net
ike gwA down office
ike gwB up office/net
ike gwB up office/cross
reaches hostA 10.2.0.2
settle
kill -INT "$pinging"
wait "$pinging" || true
assert_eq "$(told gwA) $(told gwB)" '0 0' 'told of good traffic'

say "a policy of gwB's own is gone: what fits is dropped there, and gwA is not blamed"
echo 'spddelete 10.1.0.0/24 10.2.0.0/24 any -P fwd;' | sk gwB -c
moves_by_one gwB NO_IN_POLICY one_from 10.1.0.2 10.2.0.2
settle
assert_eq "$(told gwA)" 0 "told of gwB's own fault"

say "gwA sends more than was agreed: it is told which child, and the packet is still dropped and audited"
out=$(sk gwA -DP | grep -A 8 '^10\.1\.0\.0/24.* 10\.2\.0\.0/24' | grep -om 1 'unique:[0-9]*')
assert_match "$out" '^unique:[0-9]+$' 'the reqid in the outbound policy'
spis=$(ike_field gwA '.[0].children[] | select(.name == "net") | "0x\(.spi_in) in, 0x\(.spi_out) out"')
echo "spdadd 10.1.0.0/24 10.66.0.0/24 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/$out;" | sk gwA -c
moves_by_one gwB NO_IN_POLICY one_from 10.1.0.2 10.66.0.9
wait_for 10 told_is gwA 1
assert_match "$(grep INVALID_SELECTORS "$WORK/iked-gwA.log")" \
    "office/net: the peer got a packet through a child SA whose selectors do not hold it: INVALID_SELECTORS \(SPIs $spis\)"
wait_for 5 grep -q 'audit: NO_IN_POLICY from 192.0.2.1 to 192.0.2.2' "$WORK/cygnetd-gwB.log"
settle
assert_eq "$(told gwA) $(told gwB)" '1 0' 'told of one packet'

say "by another child's SA: policies of gwB's ask for that one (the SA is new: its second is its own)"
echo "spddelete 10.11.0.0/24 10.22.0.0/24 any -P out;
spdadd 10.11.0.0/24 10.22.0.0/24 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/$out;" | sk gwA -c
moves_by_one gwB IN_TEMPLATE one_from 10.11.0.2 10.22.0.2
wait_for 10 told_is gwA 2

say "a flood of it: once a second"
before=$(told gwA) dropped=$(verdict gwB NO_IN_POLICY)
since=$(date +%s)
on hostA ping -q -n -f -c 300 -w 20 -W 0.1 10.66.0.9 > /dev/null 2>&1 || true
wait_for 10 verdict_reached gwB NO_IN_POLICY $((dropped + 200))
wait_for 10 told_more gwA "$before"
settle
seconds=$(($(date +%s) - since))
assert_ge $((before + seconds + 1)) "$(told gwA)" "told within $seconds seconds"
ike_is gwA length 1 || fail "more or fewer than one IKE SA"

say "an administrator who does not want it: --no-invalid-selectors"
iked_stop gwB
iked_start gwB --no-invalid-selectors
ike gwB up office/net
out2=$(sk gwA -DP | grep -A 8 '^10\.1\.0\.0/24.* 10\.2\.0\.0/24' | grep -om 1 'unique:[0-9]*')
echo "spddelete 10.1.0.0/24 10.66.0.0/24 any -P out;
spdadd 10.1.0.0/24 10.66.0.0/24 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/$out2;" | sk gwA -c
before=$(told gwA)
moves_by_one gwB NO_IN_POLICY one_from 10.1.0.2 10.66.0.9
settle
assert_eq "$(told gwA)" "$before" 'told by one who shall not'
