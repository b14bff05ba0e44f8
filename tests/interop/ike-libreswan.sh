#!/usr/bin/env bash
# IKEv2 with Debian's Libreswan: both roles, new keys from both sides under traffic, down from the far
# end, a wrong secret. pluto drives a cygnetd of its own. Topology: tests/lib/strongswan.sh.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
# shellcheck source=tests/lib/libreswan.sh
source "$LIB/libreswan.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-libreswan
swan_offices 0
gateway_start gwA
gateway_start gwB

conf() { # SECRET
    iked_conf gwA <<CONF
connections {
    office {
        local_addrs = 192.0.2.1
        remote_addrs = 192.0.2.2
        proposals = aes256gcm16-prfsha512-ecp256, aes256-sha512-modp2048
        local { auth = psk }
        remote { auth = psk }
        children {
            net {
                local_ts = 10.1.0.0/24
                remote_ts = 10.2.0.0/24
                esp_proposals = aes256gcm16-ecp256, aes256gcm16
            }
        }
    }
}
secrets { ike { secret = "$1" } }
CONF
}
secret='two offices, and a secret that is long enough for SHA-512'
conf "$secret"
iked_start gwA
pluto_start gwB 192.0.2.2 192.0.2.1 <<CONF
config setup
    protostack=xfrm
conn net
    left=192.0.2.2
    leftsubnet=10.2.0.0/24
    right=192.0.2.1
    rightsubnet=10.1.0.0/24
    authby=secret
    ikev2=insist
    ike=aes_gcm256-sha2_512-dh19
    esp=aes_gcm256
    auto=add
CONF
pluto_add gwB net

say "up from our side"
ike gwA up office || fail "cygnet up: $(tail -n 5 "$WORK/pluto-gwB.log")"
reaches officeA 10.2.0.2 -I 10.1.0.2
reaches officeB 10.1.0.2 -I 10.2.0.2

# pluto as responder sends with its new SA as soon as it has answered, and we may not have it yet.
say "new keys from both sides, under traffic: next to no packet is lost"
spi() { ike_field gwA '.[0].children[0].spi_out'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }
background officeA ping ping -n -i 0.01 -I 10.1.0.2 10.2.0.2
pinging=$LAST_PID
before=$(spi)
ike gwA rekey office/net
wait_for 10 changed "$before"
before=$(spi)
whack gwB --rekey-ipsec --name net --asynchronous
wait_for 10 changed "$before"
kill -INT "$pinging"
wait "$pinging" || true
lost=$(awk '/packets transmitted/ {print $1 - $4}' "$WORK/ping.log")
((lost <= 3)) || fail "$lost pings lost: $(tail -n 3 "$WORK/ping.log")"

say "down and up from their side"
whack gwB --terminate --name net > /dev/null
gone() { ike_is gwA length 0; }
wait_for 10 gone
whack gwB --initiate --name net > "$WORK/initiate.log" || fail "pluto did not bring it up: $(tail -n 5 "$WORK/initiate.log")"
reaches officeA 10.2.0.2 -I 10.1.0.2
whack gwB --terminate --name net > /dev/null # pluto would revive what it had brought up
wait_for 10 gone

say "another secret: both sides say so"
conf 'another secret, which is long enough for SHA-512, too, indeed'
ike gwA load "$WORK/gwA.ike"
if ike gwA up office > "$WORK/up.log" 2>&1; then fail "it came up"; fi
assert_match "$(cat "$WORK/up.log")" AUTHENTICATION_FAILED
echo "Libreswan: all is as it should be"
