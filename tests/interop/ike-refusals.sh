#!/usr/bin/env bash
# What does not fit, with Debian's charon at the other end (kernel-libipsec: ESP in UDP, no guest kernel).
# charon begins with a wrong secret, id, proposal or selectors: it is told so by the right notify, our
# log says ours and theirs side by side and where to change it, nothing is left behind, and the right
# peer comes in afterwards. Groups that differ show right after the set-up (rekey_preflight) or at a
# rekey, by either end. New keys by bytes, under traffic that loses nothing.
#
#   hostA --- gwA =======[ 198.51.100.0/24 ]======= swan --- hostB
#  10.1.0.2   198.51.100.1               198.51.100.2   10.2.0.2
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
lab_begin ike-refusals
ns_add hostA gwA swan hostB
veth hostA eth0 gwA lan
veth gwA wan swan wan
veth swan lan hostB eth0
addr hostA eth0 10.1.0.2/24
addr gwA lan 10.1.0.1/24
addr gwA wan 198.51.100.1/24
addr swan wan 198.51.100.2/24
addr swan lan 10.2.0.1/24
addr hostB eth0 10.2.0.2/24
ip -n "${LAB}hostA" route add default via 10.1.0.1
ip -n "${LAB}gwA" route add default via 198.51.100.2
ip -n "${LAB}hostB" route add default via 10.2.0.1
forwarding_on gwA swan

# Both ends' words; what is to differ is said before it.
defaults() {
    ike=aes256gcm16-prfsha384-ecp384 esp=aes256gcm16 child='' far_ike='' far_esp='' far_id=moon.example.org
    far_secret='a secret of more than twenty octets' far_ts=10.2.0.0/24
}
# In site_conf.
site_line=2 proposals_line=6 child_line=15
ours() {
    site_conf 198.51.100.1 198.51.100.2 gw.example.org moon.example.org 10.1.0.0/24 10.2.0.0/24 "$ike" "$esp" \
        'a secret of more than twenty octets' "$child"
    echo 'cygnet { half_open_timeout = 2
    retransmit_timeout = 0.5
}'
}
theirs() {
    site_conf 198.51.100.2 198.51.100.1 "$far_id" gw.example.org "$far_ts" 10.1.0.0/24 "${far_ike:-$ike}" "${far_esp:-$esp}" "$far_secret" ''
}
both() {
    theirs | swan_load swan
    ours | iked_conf gwA
    ike gwA load "$WORK/gwA.ike" > /dev/null
    mark=$(wc -l < "$WORK/iked-gwA.log")
    swan_mark=$(wc -l < "$WORK/charon-swan.log")
}
# What was said since both.
said() { tail -n +$((mark + 1)) "$WORK/iked-gwA.log"; }
swan_said() { tail -n +$((swan_mark + 1)) "$WORK/charon-swan.log"; }
logged() { said | grep -qF -- "$1"; }
begin() { swan swan --initiate --child net > "$WORK/up.log" 2>&1; }
half_open() { "$PYTHON" "$LIB/iked_status.py" "$(iked_socket_of gwA)" half_open; }
none_half_open() { [[ $(half_open) == 0 ]]; }
swan_has_none() { [[ -z $(swan swan --list-sas) ]]; }
nothing_is_left() {
    swan swan --terminate --ike site --force > /dev/null 2>&1 || true # charon keeps an IKE SA without a child
    wait_for 10 none_half_open
    wait_for 10 ike_is gwA length 0
    assert_eq "$(sk gwA -D)" 'No SAD entries.' 'SAs'
    assert_eq "$(sk gwA -DP)" 'No SPD entries.' 'policies'
}
traffic() {
    wait_for 5 ike_is gwA '.[0].children | length' 1
    reaches hostA 10.2.0.2
    reaches hostB 10.1.0.2 -s 1000
}
comes_in() {
    defaults
    both
    begin || fail "the right peer does not come in: $(tail -n 5 "$WORK/up.log")"
    traffic
    swan swan --terminate --ike site > /dev/null
    nothing_is_left
}
# refuses NOTIFY TEXT...: what charon hears, what our log says of it, all in one line.
refuses() {
    local notify=$1 text line
    shift
    both
    if begin; then fail "it came up"; fi
    swan_said | grep -q "received $notify notify" || fail "charon was not told $notify"
    line=$(said | grep -F -- "$1") || fail "our log does not say: $1"
    for text; do [[ $line == *"$text"* ]] || fail "our log says '$line', and not '$text'"; done
    echo "ok: $line"
    nothing_is_left
    comes_in
}

defaults
ours | iked_conf gwA
gateway_start gwA
iked_start gwA
charon_own_esp swan
at=$WORK/gwA.ike

say "the right peer comes in"
comes_in

say "charon begins, and is wrong"
defaults
far_secret='another secret of twenty octets and more'
refuses AUTHENTICATION_FAILED "pre-shared key is another one than ours" "says it is moon.example.org" "we expect moon.example.org" "$at:$site_line"
defaults
far_id=mars.example.org
refuses AUTHENTICATION_FAILED "no connection has these ids" "says it is mars.example.org" "'site' expects moon.example.org and is gw.example.org" "$at:$site_line"
defaults
far_ike=aes128gcm16-prfsha256-ecp256
refuses NO_PROPOSAL_CHOSEN "no IKE proposal in common" "ours: aes256gcm16-prfsha384-ecp384" "theirs: aes128gcm16-prfsha256-ecp256" "$at:$proposals_line"
defaults
far_esp=aes128gcm16
refuses NO_PROPOSAL_CHOSEN "no ESP proposal in common" "ours: aes256gcm16" "theirs: aes128gcm16" "$at:$child_line"
defaults
far_ts=10.9.0.0/24
refuses TS_UNACCEPTABLE "no child has selectors" "ours: 10.1.0.0/24 === 10.2.0.0/24" "theirs: 10.1.0.0/24 === 10.9.0.0/24" "$at:$site_line"

up() { ike gwA up site > "$WORK/up.log" 2>&1 || fail "cygnet up: $(cat "$WORK/up.log")"; }
down() {
    ike gwA down site > /dev/null
    wait_for 5 swan_has_none
    nothing_is_left
}
spi() { ike_field gwA '.[0].children[0].spi_out'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }

say "groups that differ: seen right after the set-up, where that is asked for"
defaults
esp=aes256gcm16-ecp256 far_esp=aes256gcm16 child='rekey_preflight = yes'
both
up
wait_for 5 logged "PFS mismatch: the peer refuses the rekey of 'net' (NO_PROPOSAL_CHOSEN)"
said | grep -F 'PFS mismatch' | grep -F 'ours: aes256gcm16-ecp256, with a group; theirs then is without one, or another one' |
    grep -F "(esp_proposals: $at:$child_line)" || fail "the mismatch is not explained: $(said)"
traffic
down
defaults
esp=aes256gcm16-ecp384 child='rekey_preflight = yes' # another one: it is looked at once for each
both
up
wait_for 5 logged 'child rekeyed' # they are the same
if logged 'PFS mismatch'; then fail "a mismatch where there is none"; fi
traffic
down

say "groups that differ, at a rekey of ours"
defaults
esp=aes256gcm16 far_esp=aes256gcm16-ecp256
both
up
if logged 'PFS mismatch'; then fail "seen before it was looked for"; fi
ike gwA rekey site/net > /dev/null
wait_for 5 logged 'PFS mismatch'
said | grep -F 'PFS mismatch' | grep -F 'ours: aes256gcm16, without a group; theirs then is with one' |
    grep -F "(esp_proposals: $at:$child_line)" || fail "the mismatch is not explained: $(said)"
traffic

say "... and of charon's: both are known then"
before=$(spi)
swan swan --rekey --child net > /dev/null
wait_for 5 logged 'no ESP proposal in common'
said | grep -F 'no ESP proposal in common' | grep -F 'ours: aes256gcm16;' | grep -F 'theirs: aes256gcm16-ecp256' |
    grep -F "(esp_proposals: $at:$child_line)" || fail "the mismatch is not explained: $(said)"
swan_said | grep -q 'received NO_PROPOSAL_CHOSEN notify' || fail "charon was not told"
traffic
assert_eq "$(spi)" "$before" 'the SPI'
down

say "new keys by bytes, under traffic: no packet is lost"
defaults
child='rekey_bytes = 200000
                rand_bytes = 0
                life_bytes = 4000000'
both
up
on hostA ping -n -q -i 0.005 -c 1000 -s 1000 10.2.0.2 > "$WORK/ping.log" || fail "packets were lost: $(cat "$WORK/ping.log")"
assert_match "$(cat "$WORK/ping.log")" ' 1000 received, 0% packet loss'
assert_ge "$(said | grep -c 'child rekeyed')" 3 'rekeys by bytes'
traffic
down
assert_match "$(verdicts gwA)" '^IKE=[0-9]+$' 'verdicts'
iked_stop gwA
gateway_stop gwA
