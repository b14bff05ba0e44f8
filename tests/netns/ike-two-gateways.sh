#!/usr/bin/env bash
# IKEv2 between two Cygnets: up by name, both families, traffic; new keys of child and IKE SA under
# traffic without a lost packet; down; and on demand.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-two-gateways
offices_up

# conf SIDE START [ESP-PROPOSALS]: the same file on both sides but for who is who.
conf() {
    local us=1 them=2
    if [[ $1 == B ]]; then us=2 them=1; fi
    iked_conf "gw$1" <<CONF
connections {
    office {
        version = 2
        local_addrs = 192.0.2.$us
        remote_addrs = 192.0.2.$them
        local { auth = psk
            id = office-$us.example.org
        }
        remote { auth = psk
            id = office-$them.example.org
        }
        children {
            net {
                local_ts = 10.$us.0.0/24
                remote_ts = 10.$them.0.0/24
                start_action = $2
                esp_proposals = ${3:-default}
            }
        }
    }
    six {
        local_addrs = 2001:db8::$us
        remote_addrs = 2001:db8::$them
        proposals = aes128-sha256-x25519
        local { auth = psk }
        remote { auth = psk }
        children {
            net6 {
                local_ts = fd00:$us::/64, 10.$us$us.0.0/24
                remote_ts = fd00:$them::/64, 10.$them$them.0.0/24
                esp_proposals = aes256-sha256-ecp256
            }
        }
    }
}
secrets {
    ike-any {
        secret = "a secret of more than twenty octets"
    }
}
CONF
}

conf A none
conf B none
for gateway in gwA gwB; do
    gateway_start "$gateway"
    iked_start "$gateway"
done

say "no privileges are left"
proc=$(awk '/^(Uid|CapEff|CapPrm|NoNewPrivs|Seccomp):/ {print $1, $2}' "/proc/${IKED_PID[gwA]}/status")
assert_eq "$proc" "Uid: $(id -u cygnet)
CapPrm: 0000000000000000
CapEff: 0000000000000000
NoNewPrivs: 1
Seccomp: $(if [[ $BUILD == *san* ]]; then echo 0; else echo 2; fi)" 'what /proc says of cygnet-iked'

say "up by name"
ike gwA up office
ike_is gwA 'length' 1 || fail "one IKE SA is not what gwA has"
ike_is gwB '.[0].children[0].name' net || fail "gwB has no child"
reaches hostA 10.2.0.2 -s 1000
reaches hostB 10.1.0.2

say "IPv6 outside, both families inside, from the other end"
ike gwB up six/net6
reaches hostB fd00:1::2
reaches hostA 10.22.0.2 -I 10.11.0.2
ike gwA status

say "new keys of the child, then of the IKE SA, under traffic: no packet is lost"
spi_of() { ike_field "$1" '.[] | select(.connection == "office").children[0].spi_out'; }
changed() { [[ $(spi_of gwA) != "$1" && $(spi_of gwA) != '' ]]; }
ike_spi() { ike_field "$1" '.[] | select(.connection == "office").spi_i'; }
ike_changed() { [[ $(ike_spi gwA) != "$1" && $(ike_spi gwB) == "$(ike_spi gwA)" ]]; }
pings_start hostA 10.2.0.2 -i 0.005
for who in gwA gwB; do
    before=$(spi_of gwA)
    ike "$who" rekey office/net
    wait_for 5 changed "$before"
    before=$(ike_spi gwA)
    ike "$who" rekey office
    wait_for 5 ike_changed "$before"
done
before=$(spi_of gwA)
ike gwA rekey office/net # by the new IKE SA
wait_for 5 changed "$before"
pings_end
assert_eq "$PINGS_LOST" 0 'pings lost'
for gateway in gwA gwB; do assert_eq "$(verdicts "$gateway")" '' "verdicts on $gateway"; done

say "down: both ends forget the SAs and policies"
ike gwA down office
wait_for 5 ike_is gwB length 1
for gateway in gwA gwB; do
    if sk "$gateway" -DP | grep -F '10.1.0.0/24'; then fail "policies of office on $gateway"; fi
done

say "an implicit IV: eight octets less in each packet; new keys, too"
for gateway in A B; do
    conf "$gateway" none aes128gcm16iiv-esn
    ike "gw$gateway" load "$WORK/gw$gateway.ike"
done
refused on hostB "$BIN/cygnet-iked" --kernel --config "$WORK/gwB.ike" --control "$WORK/hostB.control" --state-dir "$WORK"
assert_match "$SAID" 'gwB.ike:[0-9]+: child net of connection office: esp_proposals has an implicit IV .*kernels do not'
sed 's/esp_proposals = .*/esp_proposals = aes128gcm16\nreplay_window = 4097/' "$WORK/gwB.ike" > "$WORK/wide.ike"
grep -q 'replay_window = 4097' "$WORK/wide.ike" || fail 'no window was set'
"$BIN/cygnet-iked" --check --config "$WORK/wide.ike" > /dev/null
refused on hostB "$BIN/cygnet-iked" --check --kernel --config "$WORK/wide.ike"
assert_match "$SAID" 'wide.ike:[0-9]+: child net of connection office: replay_window is above 4096'
ike gwA up office
for gateway in gwA gwB; do
    sk "$gateway" -D | grep -F 'iiv' > /dev/null || fail "$gateway has no SA with an implicit IV"
done
assert_match "$(ike gwA status)" 'AES-128-GCM-16-IIV'
assert_match "$(ike gwA status)" '10\.1\.0\.0/24 => 10\.2\.0\.0/24[^=]* inner MTU 1454'
reaches hostA 10.2.0.2 -s 1426 -M do
before=$(spi_of gwA)
ike gwB rekey office/net
wait_for 5 changed "$before"
reaches hostB 10.1.0.2 -s 1426 -M do
for gateway in gwA gwB; do assert_eq "$(verdicts "$gateway")" '' "verdicts on $gateway"; done
ike gwA down office
conf B none
ike gwB load "$WORK/gwB.ike"

say "a changed file: what did not change stays up, what is new waits for a packet"
conf A trap
before=$(ike_field gwA '.[0].spi_i')
ike gwA load "$WORK/gwA.ike"
ike_is gwA '.[0].spi_i' "$before" || fail "the tunnel that did not change was dropped"
on hostA ping -q -n -c 20 -i 0.05 -W 1 10.2.0.2 > /dev/null || fail "a packet did not bring the tunnel up"
ike_is gwA length 2
say "trap|start: up at once, and by a packet when it was taken down"
up_now() { [[ $(spi_of gwA) =~ ^[0-9a-f]{8}$ ]]; }
ike gwA down office
conf A 'trap|start'
assert_match "$(ike gwA check "$WORK/gwA.ike")" 'comes up at once, and when a packet wants it'
if up_now; then fail "it is up before it was started"; fi
ike gwA load "$WORK/gwA.ike"
wait_for 10 up_now
ike gwA down office
if up_now; then fail "it is up after it was taken down"; fi
on hostA ping -q -n -c 20 -i 0.05 -W 1 10.2.0.2 > /dev/null || fail "a packet did not bring the tunnel up"
ike_is gwA length 2

say "a change of what is to be up: new keys, and nothing in clear in between, nor if the peer refuses it"
in_clear() { tcpdump -n -r "$WORK/clear.pcap" 2> /dev/null | grep -c 'echo request'; }
conf A start
ike gwA load "$WORK/gwA.ike"
wait_for 10 up_now
capture pub br0 clear.pcap icmp
pings_start hostA 10.2.0.2 -i 0.005
sed -i 's/start_action = start/&\nrekey_time = 1234/' "$WORK/gwA.ike"
before=$(spi_of gwA)
ike gwA load "$WORK/gwA.ike"
wait_for 10 changed "$before"
reaches hostB 10.1.0.2
sed -i 's/esp_proposals = default/esp_proposals = aes192-sha384-ecp521/' "$WORK/gwA.ike"
ike gwA load "$WORK/gwA.ike"
wait_for 10 ike_logged gwA 'office/net: failed'
kill -INT "$PINGING" # none is answered any more
wait "$PINGING" || true
on hostA ping -q -n -c 5 -i 0.05 -W 0.2 10.2.0.2 > /dev/null && fail 'a ping came through without a tunnel'
capture_end
assert_eq "$(in_clear)" 0 'pings in clear'
conf A 'trap|start'
ike gwA load "$WORK/gwA.ike"
wait_for 10 up_now

say "a wrong file changes nothing"
echo 'connections { x { locl_addrs = 1 } }' > "$WORK/wrong.conf"
if ike gwA load "$WORK/wrong.conf" 2> "$WORK/wrong.txt"; then fail "a wrong file was loaded"; fi
assert_match "$(cat "$WORK/wrong.txt")" 'wrong.conf:1: unknown key "locl_addrs" in a connection: did you mean "local_addrs"\?'
ike_is gwA length 2 || fail "a wrong file changed something"
assert_match "$(ike gwA check "$WORK/gwA.ike")" 'child net: 10.1.0.0/24 === 10.2.0.0/24'

say "an orderly end tells the peer, and leaves nothing"
iked_stop gwA
wait_for 5 ike_is gwB length 0
# cygnetd's own, for packets that wait, go by themselves.
ours() { sk "$1" -D | grep 'state=' | grep -vc 'state=larval'; }
for gateway in gwA gwB; do
    assert_eq "$(ours "$gateway")" 0 "SAs on $gateway"
    assert_eq "$(sk "$gateway" -DP)" 'No SPD entries.' "policies on $gateway"
done
