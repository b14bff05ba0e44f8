#!/usr/bin/env bash
# 300,000 handshakes from strangers with spoofed addresses, 10,000 a second, which takes 30 s or, on a
# busy machine, longer: all of them are counted at the target, a bounded number is half open, no memory
# goes, and a peer that knows the secret gets in while they come.
#
#   gwA ===[ pub: the strangers ]=== gwB      (addresses: lib/offices.sh)
#
#   ike-flood.sh [COUNT]    300000, or as said
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
count=${1:-300000} rate=10000
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

# What is said to the strangers ends there, and does not go round.
for gateway in gwA gwB; do ip -n "$LAB$gateway" route add blackhole 198.18.0.0/15; done

memory() { awk -v what="$1:" '$1 == what {print $2}' "/proc/${IKED_PID[gwB]}/status"; }
# UDP datagrams that came to gwB: read by cygnet-iked, and lost since it did not read them in time.
udp() {
    on gwB nstat -asz UdpInDatagrams UdpInErrors | awk -v what="$1" '$1 ~ /^UdpIn/ {n[$1] = $2}
        END {print what == "read" ? n["UdpInDatagrams"] : n["UdpInDatagrams"] + n["UdpInErrors"]}'
}
came() { (($(udp all) - came_before >= $1)); }
half_open() { "$PYTHON" "$LIB/iked_status.py" "$(iked_socket_of gwB)" half_open; }
half_open_is() { (($(half_open) >= $1 && $(half_open) <= $2)); }

before=$(memory VmRSS) came_before=$(udp all) read_before=$(udp read)
background pub flood "$PYTHON" "$LIB/ike_flood.py" send "$WORK/init" 192.0.2.2 "$count" "$rate"
flooding=$LAST_PID
wait_for 60 came $((count / 4))
say "a peer that knows the secret comes in, in the middle of it"
# 30 is cookie_threshold; from there on nobody is half open who did not show a cookie.
half_open_is 30 1024 || fail "$(half_open) are half open"
ike gwA up office
kill -0 "$flooding" 2> /dev/null || fail "the flood was over before it was in"
if came $((count * 9 / 10)); then fail "the flood was almost over before it was in"; fi
wait "$flooding"
cat "$WORK/flood.log"
assert_match "$(cat "$WORK/flood.log")" "^sent $count, [0-9]+ a second$"
kill -0 "${IKED_PID[gwB]}" || fail "cygnet-iked died"
all=$(($(udp all) - came_before)) read=$(($(udp read) - read_before))
echo "came: $all, of which cygnet-iked read $read"
assert_ge "$all" $((count * 95 / 100)) 'initial messages that came to the target'
assert_ge "$read" $((count / 4)) 'initial messages that cygnet-iked looked at'
after=$(memory VmHWM)
echo "memory: $before kB before, at most $after kB since"
((after - before < 20000)) || fail "memory went"
ike_is gwB length 1 || fail "the peer is not there"
wait_for 40 half_open_is 0 0
ike_is gwB length 1 || fail "the peer is not there any more"
