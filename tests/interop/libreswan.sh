#!/usr/bin/env bash
# Debian's pluto, unchanged, as the IKE of a cygnetd: two of them with each other, and one with a charon.
# Suites, counters, a connection that comes up by its first packet, rekeys by command and by soft limit, DPD, a
# killed cygnetd. The topology stands in tests/lib/strongswan.sh; libreswan-nat.sh has a NAT between two.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/strongswan.sh"
# shellcheck source=tests/lib/libreswan.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/libreswan.sh"
lab_begin libreswan
swan_offices 0 1 2 3
gateway_start gwA
gateway_start gwB

# What pluto calls it, what charon calls it, what pluto says it is.
ESP=(aes_gcm256 'aes256-sha2_256' chacha20_poly1305)
SWAN=(aes256gcm16-esn aes256-sha256-esn chacha20poly1305-esn)
SAYS=(AES_GCM_16_256 AES_CBC_256-HMAC_SHA2_256_128 CHACHA20_POLY1305)
SWAN_SAYS=('AES_GCM_16-256/ESN' 'AES_CBC-256/HMAC_SHA2_256_128/ESN' 'CHACHA20_POLY1305/ESN')

# conf ESP OWN OTHER OWN-NETWORKS OTHER-NETWORKS [LOAD]: pluto judges a proposal by whichever connection of the
# pair it thought of first: one esp= for all. LOAD: what is special to the connection load.
conf() {
    printf 'config setup\n'
    printf 'conn %%default\n    authby=secret\n    ikev2=insist\n    left=%s\n    right=%s\n    auto=ignore\n    esp=%s\n    esn=yes\n' "$2" "$3" "$1"
    printf '    dpddelay=1\n    dpdtimeout=4\n    dpdaction=clear\n    retransmit-timeout=5s\n'
    printf 'conn net\n    leftsubnet=%s.0.0/24\n    rightsubnet=%s.0.0/24\n' "$4" "$5"
    printf 'conn demand\n    leftsubnet=%s.1.0/24\n    rightsubnet=%s.1.0/24\n' "$4" "$5"
    printf 'conn load\n    leftsubnet=%s.2.0/24\n    rightsubnet=%s.2.0/24\n%s' "$4" "$5" "${6:-}"
}
conf_a() { conf "$1" 192.0.2.1 192.0.2.2 10.1 10.2 $'    ipsec-max-packets=400\n'; }
conf_b() { conf "$1" 192.0.2.2 192.0.2.1 10.2 10.1; }
pluto_start gwA 192.0.2.1 192.0.2.2 < <(conf_a aes_gcm256)
pluto_start gwB 192.0.2.2 192.0.2.1 < <(conf_b aes_gcm256)
# add N NAME...: the connections of these plutos, with the N-th suite.
add() {
    local esp=${ESP[$1]} name conn
    shift
    for name; do
        if [[ $name == gwA ]]; then conf_a "$esp"; else conf_b "$esp"; fi > "$(pluto_dir "$name")/conf"
        for conn in net demand load; do pluto_add "$name" "$conn"; done
    done
}
up() { whack "$1" --initiate --name "$2" > "$WORK/initiate.log" || fail "$2 did not come up: $(cat "$WORK/initiate.log")"; }
agreed() { grep -oE "ESP(/ESN)?=>0x[0-9a-f]+ <0x[0-9a-f]+ xfrm=[^ ]+" "$WORK/pluto-gwA.log" | tail -n 1; }
both_ways() {
    reaches officeA 10.2.0.2 -I 10.1.0.2
    reaches officeB 10.1.0.2 -I 10.2.0.2
}

for n in 2 1 0; do
    say "two plutos: ${ESP[n]} with ESN"
    add "$n" gwA gwB
    up gwA net
    both_ways
    assert_match "$(agreed)" "ESP/ESN=>.*${SAYS[n]}" "what was agreed on"
    assert_eq "$(pluto_bytes gwA net)" '168 168' "bytes of net, by whack --trafficstatus"
    ((n == 0)) || whack gwA --terminate --name net > /dev/null
done

say "on demand: the first packet brings it up, and is not lost"
whack gwA --route --name demand > "$WORK/route.log" || fail "demand was not routed: $(cat "$WORK/route.log")"
reaches officeA 10.2.1.2 -I 10.1.1.2 -W 10

# pluto's responder sends with its new SA as soon as it has answered (RFC 7296 §2.8 lets it): a capture shows the
# first such packet half a millisecond behind the answer, ten before the initiator has made keys of it. They are
# nowhere yet, so those packets are lost with any kernel, and exactly those: on an SPI that has no keys.
# load N COMMAND...: 400 pings through 10.2.N.0 while COMMAND makes new keys.
load() {
    local n=$1 early lost
    shift
    early=$(verdict gwA NO_SA)
    background officeA ping ping -q -n -i 0.01 -c 400 -I "10.1.$n.2" "10.2.$n.2"
    pinger=$LAST_PID
    "$@" > "$WORK/rekey.log" || fail "no rekey: $(cat "$WORK/rekey.log")"
    wait "$pinger" || true
    lost=$((400 - $(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$WORK/ping.log")))
    echo "   $lost lost"
    assert_eq "$lost" $(($(verdict gwA NO_SA) - early)) "packets lost, and those before their keys"
    ((lost <= 12)) || fail "$lost packets were lost"
}
say "a rekey under load"
load 0 whack gwA --rekey-ipsec --name net

say "a rekey by the soft limit of packets, under load"
up gwA load
load 2 true
assert_ge "$(grep -c '"load" #[0-9]*: initiator established Child SA\|"load" #[0-9]*: initiator rekeyed Child SA' "$WORK/pluto-gwA.log")" 2 "SAs of load"

say "cygnetd of gwA is killed and started again: pluto makes new SAs"
gateway_kill gwA
gateway_start gwA
answers() { on officeA ping -q -n -c 1 -W 1 -I 10.1.0.2 10.2.0.2; }
wait_for 30 answers

say "a peer that is gone is noticed"
kill -KILL "${PLUTO_PID[gwB]}"
wait "${PLUTO_PID[gwB]}" 2> /dev/null || true
alone() { [[ $(ex gwA ip xfrm state | grep -c 'proto esp') == 0 ]]; }
wait_for 30 alone
pluto_said gwA 'liveness|retransmi' || fail "pluto has not looked for its peer"

say "pluto and charon"
ex gwB ip xfrm policy flush
ex gwB ip xfrm state flush
charon_start gwB
for n in 0 1 2; do
    say "pluto and charon: ${ESP[n]} with ESN, begun by either"
    add "$n" gwA
    swan_connection 192.0.2.2 192.0.2.1 '' "net 10.2.0.0/24 10.1.0.0/24 esp_proposals=${SWAN[n]}" |
        sed -E 's/secret = .*/secret = "two offices, and a secret that is long enough for SHA-512"/; s/proposals = aes128gcm16.*/proposals = aes256gcm16-prfsha512-modp2048/' | swan_load gwB
    swan gwB --initiate --child net > "$WORK/initiate.log" || fail "charon and pluto do not agree: $(tail -n 5 "$WORK/initiate.log")"
    both_ways
    assert_match "$(swan gwB --list-sas)" "ESP:${SWAN_SAYS[n]}" "what charon and pluto agreed on"
    assert_eq "$(swan_packets gwB net in) $(swan_packets gwB net out)" '2 2' "packets in and out, by swanctl"
    assert_eq "$(pluto_bytes gwA net)" '168 168' "bytes, by whack --trafficstatus"
    swan gwB --terminate --ike site > /dev/null
    up gwA net
    both_ways
    assert_match "$(swan gwB --list-sas)" "ESP:${SWAN_SAYS[n]}" "what pluto and charon agreed on"
    whack gwA --terminate --name net > /dev/null
done
echo "Libreswan: all is as it should be"
