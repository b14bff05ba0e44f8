#!/usr/bin/env bash
# A packet thread for each direction (--workers 2): both directions under load at once, raw and in UDP,
# while policies and SAs come and go; every byte arrives, and the two threads' counters are one.
# The ThreadSanitizer build runs it, too.
#
#   hostA --- gwA ===[ pub ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin workers
offices_up
offices_keys
gateway_start gwA --workers 2 --wire fast
gateway_start gwB --workers 2
offices_load A
offices_load B
assert_eq "$(status_json gwA | jq .workers)" 2 'workers on gwA'
assert_match "$(ls "/proc/${GATEWAY_PID[gwA]}/task" | wc -l)" '^[3-9]$' 'threads of gwA'

# serve NAME ADDRESS, then send FROM ADDRESS: in the background, so that both directions run at once.
declare -A server=() sender=()
serve() {
    background "$1" "serve-$1" "$PYTHON" "$LIB/tcp_copy.py" serve "$2" 5001
    server[$1]=$LAST_PID
    wait_for 5 grep -q listening "$WORK/serve-$1.log"
}
send() {
    background "$1" "send-$1" timeout 60 "$PYTHON" "$LIB/tcp_copy.py" send "$2" 5001 "$3"
    sender[$1]=$LAST_PID
}
same_hash() { assert_eq "$(tail -n 1 "$WORK/serve-$2.log")" "$(tail -n 1 "$WORK/send-$1.log")" "what $2 received"; }

# both_ways A-ADDRESS B-ADDRESS: 20 MB each way at once; other tunnels come and go meanwhile.
both_ways() {
    serve hostA "$1"
    serve hostB "$2"
    send hostA "$2" 20000000
    send hostB "$1" 20000000
    local i
    for i in {1..8}; do
        {
            echo "add 192.0.2.$((100 + i)) 192.0.2.1 esp $((0x7000 + i)) -m tunnel -E aes-gcm-16 $(hex_key 20);"
            echo "add 192.0.2.1 192.0.2.$((100 + i)) esp $((0x7100 + i)) -m tunnel -E aes-gcm-16 $(hex_key 20);"
            echo "spdadd 10.1.0.0/24 10.$((100 + i)).0.0/24 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.$((100 + i))/require;"
        } | sk gwA -c
    done
    for i in {1..8}; do
        echo "delete 192.0.2.$((100 + i)) 192.0.2.1 esp $((0x7000 + i));
            delete 192.0.2.1 192.0.2.$((100 + i)) esp $((0x7100 + i));
            spddelete 10.1.0.0/24 10.$((100 + i)).0.0/24 any -P out;" | sk gwA -c
    done
    wait "${sender[hostA]}" "${sender[hostB]}" "${server[hostA]}" "${server[hostB]}"
    same_hash hostA hostB
    same_hash hostB hostA
    echo "ok: 20 MB each way between $1 and $2, equal hashes"
}

say "raw, both families"
both_ways 10.1.0.2 10.2.0.2
both_ways fd00:1::2 fd00:2::2

say "in UDP"
sed -i -E -e 's/^add (\S+[.:]1) (\S+) esp /add \1 [4500] \2 [4500] esp-udp /' \
    -e 's/^add (\S+[.:]2) (\S+) esp /add \1 [4500] \2 [4500] esp-udp /' "$WORK/sas.conf"
offices_load A
offices_load B
both_ways 10.1.0.2 10.2.0.2

say "both threads' counters stand in one list"
for gateway in gwA gwB; do
    read -r out in <<< "$(status_json "$gateway" | jq -r '"\(.counters.out.OK) \(.counters.in.OK)"')"
    assert_ge "$out" 15000 "packets out of $gateway"
    assert_ge "$in" 15000 "packets into $gateway"
    gateway_stop "$gateway"
done
