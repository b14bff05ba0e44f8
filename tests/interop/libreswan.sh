#!/usr/bin/env bash
# Debian's pluto, unchanged, as the IKE of a cygnetd: two of them with each other, and one with a charon.
# AES-GCM with ESN, a connection that comes up by its first packet, a rekey, counters. The topology stands
# in tests/lib/strongswan.sh.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/strongswan.sh"
# shellcheck source=tests/lib/libreswan.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/libreswan.sh"
lab_begin libreswan
swan_offices 0 1
gateway_start gwA
gateway_start gwB

conf() { # OWN OTHER OWN-NETWORKS OTHER-NETWORKS
    # pluto judges a proposal by whichever connection of the pair it thought of first: one esp= for both.
    printf 'config setup\n'
    printf 'conn %%default\n    authby=secret\n    ikev2=insist\n    left=%s\n    right=%s\n    auto=ignore\n    esp=aes_gcm256\n' "$1" "$2"
    printf 'conn gcm\n    leftsubnet=%s.0.0/24\n    rightsubnet=%s.0.0/24\n' "$3" "$4"
    printf 'conn demand\n    leftsubnet=%s.1.0/24\n    rightsubnet=%s.1.0/24\n' "$3" "$4"
}
pluto_start gwA 192.0.2.1 192.0.2.2 < <(conf 192.0.2.1 192.0.2.2 10.1 10.2)
pluto_start gwB 192.0.2.2 192.0.2.1 < <(conf 192.0.2.2 192.0.2.1 10.2 10.1)
for name in gwA gwB; do
    pluto_add $name gcm
    pluto_add $name demand
done

say "two plutos: AES-GCM with ESN"
whack gwA --initiate --name gcm > "$WORK/initiate.log" || fail "gcm did not come up: $(cat "$WORK/initiate.log")"
reaches officeA 10.2.0.2 -I 10.1.0.2
reaches officeB 10.1.0.2 -I 10.2.0.2
pluto_said gwA 'ESP/ESN=>.*AES_GCM_16_256' || fail "not what was to be agreed on"
assert_eq "$(pluto_bytes gwA gcm)" '168 168' "bytes of gcm, by whack --trafficstatus"

say "on demand: the first packet brings it up, and is not lost"
whack gwA --route --name demand > "$WORK/route.log" || fail "demand was not routed: $(cat "$WORK/route.log")"
reaches officeA 10.2.1.2 -I 10.1.1.2 -W 10

# The responder sends with its new SA as soon as it has answered, and the initiator may not have it yet:
# a packet in between is lost with any kernel.
say "a rekey under load"
background officeA ping ping -q -n -i 0.01 -c 200 -I 10.1.0.2 10.2.0.2
pinger=$LAST_PID
whack gwA --rekey-ipsec --name gcm > "$WORK/rekey.log" || fail "no rekey: $(cat "$WORK/rekey.log")"
wait "$pinger" || true
assert_ge "$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$WORK/ping.log")" 197 "answers to 200 pings"

say "cygnetd of gwA is killed and started again: pluto makes new SAs"
gateway_kill gwA
gateway_start gwA
answers() { on officeA ping -q -n -c 1 -W 1 -I 10.1.0.2 10.2.0.2; }
wait_for 30 answers

say "pluto and charon"
whack gwB --shutdown > "$WORK/shutdown.log" || fail "pluto did not end"
wait "${PLUTO_PID[gwB]}" || true
ex gwB ip xfrm policy flush
ex gwB ip xfrm state flush
charon_start gwB
swan_connection 192.0.2.2 192.0.2.1 '' 'gcm 10.2.0.0/24 10.1.0.0/24 esp_proposals=aes256gcm16-esn' |
    sed -E 's/secret = .*/secret = "two offices, and a secret that is long enough for SHA-512"/; s/proposals = aes128gcm16.*/proposals = aes256gcm16-prfsha512-modp2048/' | swan_load gwB
whack gwA --terminate --name gcm > /dev/null
swan gwB --initiate --child gcm > "$WORK/initiate.log" || fail "charon and pluto do not agree: $(tail -n 5 "$WORK/initiate.log")"
reaches officeA 10.2.0.2 -I 10.1.0.2
reaches officeB 10.1.0.2 -I 10.2.0.2
assert_match "$(swan gwB --list-sas)" 'ESP:AES_GCM_16-256/ESN' "what charon and pluto agreed on"
echo "Libreswan: all is as it should be"
