#!/usr/bin/env bash
# 10,000 handshakes a second from strangers with spoofed addresses: a bounded number is half open, no
# memory goes, and a peer that knows the secret gets in.
#
#   gwA ===[ pub: the strangers ]=== gwB      (addresses: lib/offices.sh)
#
#   ike-flood.sh [SECONDS]    4, or as said
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
seconds=${1:-4}
lab_begin ike-flood
offices_up

conf() { # US THEM
    iked_conf "$1" <<CONF
connections { office { remote_addrs = $3
    local { auth = psk }
    remote { auth = psk }
    children { net { local_ts = 10.$2.0.0/24
        remote_ts = 0.0.0.0/0
    } } } }
secrets { ike { secret = "a secret of more than twenty octets" } }
cygnet { retransmit_timeout = 0.3 }
CONF
}
conf gwA 1 192.0.2.9
gateway_start gwA
gateway_start gwB
iked_start gwA
background pub catch "$PYTHON" "$LIB/ike_flood.py" catch 192.0.2.9 "$WORK/init"
ike gwA up office --timeout 1 > /dev/null 2>&1 || true
wait_for 10 test -s "$WORK/init"
iked_stop gwA
sed -i 's/192.0.2.9/192.0.2.2/' "$WORK/gwA.ike"
sed 's/10.1.0.0/10.2.0.0/; s/remote_addrs = .*/remote_addrs = %any/' "$WORK/gwA.ike" | iked_conf gwB
iked_start gwB
iked_start gwA

resident() { awk '/^VmRSS:/ {print $2}' "/proc/${IKED_PID[gwB]}/status"; }
before=$(resident)
background pub flood "$PYTHON" "$LIB/ike_flood.py" send "$WORK/init" 192.0.2.2 "$seconds" 10000
flooding=$LAST_PID
sleep 1 # in the middle of it
say "a peer that knows the secret comes in"
ike gwA up office
wait "$flooding"
cat "$WORK/flood.log"
kill -0 "${IKED_PID[gwB]}" || fail "cygnet-iked died"
after=$(resident)
echo "memory: $before kB before, $after kB after"
((after - before < 20000)) || fail "memory went"
ike_is gwB length 1 || fail "the peer is not there"
