#!/usr/bin/env bash
# IKEv2 with Debian's strongSwan on a real kernel: both roles, suites and groups, new keys from both
# sides under traffic, ESP in UDP, fragments, PPK, narrowing, IPv6, and what goes wrong: secret,
# identity, proposal. Raw protocol 50, or ESP in UDP, on the wire.
#
#   +-- namespace gw --------------------+          +-- Linux as a process (user-mode-linux) --+
#   | lan0 10.1.0.1   cygnetd            |          |  charon, its kernel's XFRM               |
#   |      fd00:1::1  cygnet-iked   kp0 =|== TAP ===|== wan 192.0.2.2     lan 10.2.0.2        |
#   |                         192.0.2.1  |          |       2001:db8::2       fd00:2::2        |
#   +------------------------------------+          +------------------------------------------+
#
#   ike-strongswan.sh [--all]     --all: every suite and group, not a choice of them
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
# shellcheck source=tests/lib/guest_charon.sh
source "$LIB/guest_charon.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh
all=${1:-}

lab_begin ike-strongswan
ns_add gw
stub gw lan0
addr gw lan0 10.1.0.1/24 fd00:1::1/64

say "boot the kernel"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw" --near 192.0.2.1/24 --near 2001:db8::1/64 \
    --far 192.0.2.2/24 --far 2001:db8::2/64 --protected 10.2.0.2/32 --protected fd00:2::2/128
in_guest ip route add default via 192.0.2.1
in_guest ip -6 route add default via 2001:db8::1
guest_modules "$all"
ip -n "${LAB}gw" route add 10.2.0.0/24 via 192.0.2.2
ip -n "${LAB}gw" -6 route add fd00:2::/64 via 2001:db8::2

at_end show_guest_charon

# One connection of both programs. The variables say what is special.
defaults() {
    proposals=aes256gcm16-prfsha384-ecp384 esp=aes256gcm16 near=192.0.2.1 far=192.0.2.2 secret=two-offices-and-a-long-secret
    extra='' child_extra='' id_near=gw.example.org id_far=moon.example.org far_claims='' far_ts='10.2.0.0/24, fd00:2::/64'
    far_proposals='' far_esp='' far_secret='' ppk='' far_extra=''
}
# conf LOCAL REMOTE ID PEER-ID LOCAL-TS REMOTE-TS IKE ESP SECRET SITE-LINES
conf() {
    site_conf "${@:1:9}" "$child_extra" "${10}" "ppk-site {
        id = quantum
        secret = \"another secret of more than twenty octets$ppk\"
    }"
}
both() {
    conf "$far" "$near" "${far_claims:-$id_far}" "$id_near" "$far_ts" '10.1.0.0/24, fd00:1::/64' \
        "${far_proposals:-$proposals}" "${far_esp:-$esp}" "${far_secret:-$secret}" "$extra"$'\n'"$far_extra" | guest_charon site
    conf "$near" "$far" "$id_near" "$id_far" '10.1.0.0/24, fd00:1::/64' '10.2.0.0/24, fd00:2::/64' \
        "$proposals" "$esp" "$secret" "$extra" | iked_conf gw
}
fast='cygnet { retransmit_timeout = 0.5
    retransmit_base = 1.2
    retransmit_tries = 5
}'
load_ours() {
    echo "$fast" >> "$WORK/gw.ike"
    ike gw load "$WORK/gw.ike" > /dev/null
}
down() {
    ike gw down site > /dev/null 2>&1 || true
    wait_for 5 ike_is gw length 0
}
traffic() {
    on gw ping -q -n -c 2 -i 0.05 -W 2 -I 10.1.0.1 10.2.0.2 > /dev/null || fail "no IPv4 through it"
    on gw ping -q -n -c 2 -i 0.05 -W 2 -I fd00:1::1 fd00:2::2 > /dev/null || fail "no IPv6 through it"
}
# up_by WHO: initiates, and looks at what came of it.
up_by() {
    case $1 in
        cygnet) ike gw up site > "$WORK/up.log" 2>&1 || fail "cygnet up: $(cat "$WORK/up.log")" ;;
        strongswan) guest_swan --initiate --child net > "$WORK/up.log" 2>&1 || fail "swanctl: $(tail -n 5 "$WORK/up.log")" ;;
    esac
    wait_for 5 ike_is gw '.[0].children | length' 1
}

defaults
conf "$near" "$far" x y 10.1.0.0/24 10.2.0.0/24 default default "$secret" '' | iked_conf gw
echo "$fast" >> "$WORK/gw.ike"
gateway_start gw
iked_start gw

say "suites and groups, each in one role or the other"
role=cygnet
while read -r proposals esp; do
    both
    load_ours
    up_by "$role"
    traffic
    echo "ok: $role, $proposals, $esp: $(ike_field gw '.[0].suite'), $(ike_field gw '.[0].children[0].suite')"
    down
    if [[ $role == cygnet ]]; then role=strongswan; else role=cygnet; fi
done < <(
    echo "aes256gcm16-prfsha384-ecp384 aes256gcm16"
    echo "aes128-sha256-modp2048 aes128-sha256-esn"
    echo "chacha20poly1305-prfsha512-curve25519 chacha20poly1305-ecp256"
    [[ $all == --all ]] || exit 0
    for group in modp3072 modp4096 ecp256 ecp521; do echo "aes128gcm16-prfsha256-$group aes128gcm16-$group"; done
    for ike in aes192-sha384 aes256-sha512 aes192gcm16-prfsha256; do echo "$ike-ecp256 aes128gcm16"; done
    for esp in aes192gcm16 aes128gcm16-esn aes256-sha384 aes256-sha512 aes128ccm16 aes128gmac null-sha256; do
        echo "aes128gcm16-prfsha256-ecp256 $esp"
    done
)

say "new keys from both sides, under traffic: no packet is lost"
defaults
esp=aes128gcm16-ecp256
both
load_ours
up_by cygnet
spi() { ike_field gw '.[0].children[0].spi_out'; }
ike_spi() { ike_field gw '.[0].spi_i'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }
ike_changed() { [[ $(ike_spi) != "$1" && $(ike_spi) =~ ^[0-9a-f]{16}$ ]]; }
pings_start gw 10.2.0.2 -I 10.1.0.1
rekey() { # WHAT COMMAND...
    local before what=$1
    shift
    before=$("$what")
    "$@" > /dev/null
    case $what in spi) wait_for 10 changed "$before" ;; *) wait_for 10 ike_changed "$before" ;; esac
}
rekey spi ike gw rekey site/net
rekey spi guest_swan --rekey --child net
rekey ike_spi ike gw rekey site
rekey ike_spi guest_swan --rekey --ike site
rekey spi ike gw rekey site/net
pings_end
assert_eq "$PINGS_LOST" 0 'pings lost'
down

say "ESP in UDP, forced; IPv6 outside; fragments; PPK; narrowing"
defaults
extra='encap = yes'
both
load_ours
up_by strongswan
traffic
assert_eq "$(ike_field gw '.[0].children[0].udp')" true 'ESP in UDP'
down
defaults
near=2001:db8::1 far=2001:db8::2
both
load_ours
up_by cygnet
traffic
down
defaults
extra=$'fragmentation = force\n ppk_id = quantum\n ppk_required = yes'
both
load_ours
up_by cygnet
traffic
assert_eq "$(ike_field gw '.[0].ppk')" true 'a PPK'
down
up_by strongswan
assert_eq "$(ike_field gw '.[0].ppk')" true 'a PPK'
down
defaults
far_ts=10.2.0.2/32
both
load_ours
up_by cygnet
assert_eq "$(ike_field gw '.[0].children[0].remote_ts|@text')" '["10.2.0.2/32"]' 'what was narrowed'
on gw ping -q -n -c 1 -W 2 -I 10.1.0.1 10.2.0.2 > /dev/null || fail "nothing flows after narrowing"
down

say "what goes wrong says why"
wrong() { # TEXT: what cygnet up says
    both
    load_ours
    if ike gw up site > "$WORK/up.log" 2>&1; then fail "it came up"; fi
    assert_match "$(cat "$WORK/up.log")" "$1"
    echo "ok: $(tail -n 1 "$WORK/up.log")"
    down
}
defaults
far_secret=another-secret-of-the-right-length
wrong 'AUTHENTICATION_FAILED'
defaults
far_claims=mars.example.org
wrong 'AUTHENTICATION_FAILED|mars.example.org'
defaults
far_proposals=aes128gcm16-prfsha256-ecp256
wrong 'NO_PROPOSAL_CHOSEN'
defaults
far_esp=aes128gcm16
wrong 'NO_PROPOSAL_CHOSEN'
defaults
far_ts=10.9.0.0/16
wrong 'TS_UNACCEPTABLE'

say "strongSwan is killed: missed, and back"
defaults
extra=$'dpd_delay = 1s\n keyingtries = 0'
child_extra='dpd_action = restart
                start_action = trap'
both
echo 'kill -9 $(cat /run/charon.pid)' > "$WORK/kill.sh"
load_ours
up_by strongswan
traffic
in_guest < "$WORK/kill.sh"
missed() { ike_is gw length 0; }
wait_for 15 missed
both
wait_for 20 on gw ping -q -n -c 1 -W 1 -I 10.1.0.1 10.2.0.2
traffic
iked_stop gw
gateway_stop gw
