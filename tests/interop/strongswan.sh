#!/usr/bin/env bash
# Two charons of Debian's, unchanged, each the IKE of a cygnetd: IKEv2 with a pre-shared key through
# kernel-netlink. Suites, counters, a rekey by soft limit under load, a trap with its first packet, ESP in
# UDP, DPD. The topology stands in tests/lib/strongswan.sh.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/strongswan.sh"
lab_begin strongswan
swan_offices 0 1 2 3 4

# Dead after three seconds, not after three minutes.
FAST=("retransmit_timeout = 0.6" "retransmit_base = 1" "retransmit_tries = 4")
gateway_start gwA
gateway_start gwB
charon_start gwA "${FAST[@]}"
charon_start gwB "${FAST[@]}"

children() { # OWN OTHER: networks
    printf '%s\n' "gcm $1.0.0/24 $2.0.0/24 esp_proposals=aes256gcm16" \
        "esn $1.1.0/24 $2.1.0/24 esp_proposals=aes256-sha256-esn replay_window=128" \
        "chacha $1.2.0/24 $2.2.0/24 esp_proposals=chacha20poly1305 start_action=${3:-none}" \
        "load $1.3.0/24 $2.3.0/24 esp_proposals=aes128gcm16 ${4:-}"
}
configure() { # SETTINGS
    local -a list
    mapfile -t list < <(children 10.1 10.2 trap 'rekey_packets=300 rand_packets=0 life_packets=1000000')
    swan_connection 192.0.2.1 192.0.2.2 "$1" "${list[@]}" | swan_load gwA
    mapfile -t list < <(children 10.2 10.1)
    swan_connection 192.0.2.2 192.0.2.1 "$1" "${list[@]}" | swan_load gwB
}
configure ''

say "AES-GCM, AES-CBC with SHA-2 and ESN: up, and traffic both ways"
for child in gcm esn; do
    swan gwA --initiate --child "$child" > "$WORK/initiate.log" || fail "$child did not come up: $(tail -n 5 "$WORK/initiate.log")"
done
reaches officeA 10.2.0.2 -I 10.1.0.2
reaches officeB 10.1.0.2 -I 10.2.0.2
reaches officeA 10.2.1.2 -I 10.1.1.2
reaches officeB 10.1.1.2 -I 10.2.1.2
assert_match "$(swan gwA --list-sas --child esn)" 'ESP:AES_CBC-256/HMAC_SHA2_256_128/ESN' "what was agreed on"
assert_match "$(ex gwA ip xfrm state)" 'replay-window 0.*esn' "ip's view of it"
for way in in out; do
    assert_eq "$(swan_packets gwA gcm $way)" 2 "packets $way of gcm, by swanctl --list-sas"
done

say "a trap: ChaCha20-Poly1305 comes up by the first packet, which is not lost"
assert_eq "$(swan gwA --list-sas --child chacha | grep -c chacha)" 0 "chacha before"
reaches officeA 10.2.2.2 -I 10.1.2.2 -W 5
assert_match "$(swan gwA --list-sas --child chacha)" 'ESP:CHACHA20_POLY1305' "what came up"

say "rekeys by a soft limit of packets, under load: none is lost"
swan gwA --initiate --child load > "$WORK/initiate.log" || fail "load did not come up"
on officeA ping -q -n -i 0.002 -c 1500 -I 10.1.3.2 10.2.3.2 > "$WORK/load.log" || fail "packets were lost: $(cat "$WORK/load.log")"
assert_match "$(cat "$WORK/load.log")" '1500 packets transmitted, 1500 received' "the load"
assert_ge "$(grep -c 'CHILD_SA load{[0-9]*} established' "$WORK/charon-gwA.log")" 4 "CHILD_SAs of load"

say "ESP in UDP, as behind a NAT"
swan gwA --terminate --ike site > /dev/null
configure 'encap=yes'
swan gwA --initiate --child gcm > "$WORK/initiate.log" || fail "gcm did not come up in UDP: $(tail -n 5 "$WORK/initiate.log")"
assert_match "$(swan gwA --list-sas)" 'ESP in UDP SPIs|192.0.2.1\[4500\]' "how it travels"
capture gwB wan udp.pcap 'esp or (udp port 4500 and udp[8:4] != 0) or icmp'
reaches officeA 10.2.0.2 -I 10.1.0.2
reaches officeB 10.1.0.2 -I 10.2.0.2
capture_end
tshark -r "$WORK/udp.pcap" -T fields -e ip.proto 2> /dev/null | sort | uniq -c > "$WORK/protocols"
assert_eq "$(awk '{print $2, $1}' "$WORK/protocols")" '17 4' "packets on the wire, by IP protocol"
assert_eq "$(on gwA nstat -a -z -s IcmpOutDestUnreachs | awk '/^Icmp/ {print $2}')" 0 "ICMP errors of the kernel's about ESP"

say "DPD: a peer that is gone is noticed, and its SAs go"
swan gwA --terminate --ike site > /dev/null
configure 'encap=no dpd_delay=1s'
swan gwA --initiate --child gcm > "$WORK/initiate.log" || fail "gcm did not come up again"
reaches officeA 10.2.0.2 -I 10.1.0.2
kill -KILL "${CHARON_PID[gwB]}"
wait "${CHARON_PID[gwB]}" 2> /dev/null || true
gone() { [[ -z $(swan gwA --list-sas) ]]; }
wait_for 20 gone
assert_eq "$(ex gwA ip xfrm state | grep -c 'proto esp')" 0 "SAs that charon left behind"
charon_said gwA 'sending DPD request' || fail "charon has not looked for its peer"
echo "strongSwan pair: all is as it should be"
