#!/usr/bin/env bash
# 10,000 SAs and 1,000 policies: a dump arrives whole, and a client that reads slowly or not at all
# delays nobody.
#
#   namespace gw: cygnetd; clients: setkey many times
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin dump
ns_add gw
stub gw pub0
addr gw pub0 192.0.2.1/24
gateway_start gw

count=10000
on gw "$PYTHON" - $count > "$WORK/many.conf" <<'PYTHON'
import sys
for i in range(int(sys.argv[1])):
    peer = f"198.18.{i % 250}.{i // 250 % 250}"
    ends = f"192.0.2.1 {peer}" if i % 2 else f"{peer} 192.0.2.1"
    print(f"add {ends} esp {0x10000 + i:#x} -m tunnel -E aes-gcm-16 0x{i:040x};")
    if i % 10 == 1:
        print(f"spdadd 10.{i // 256 % 256}.{i % 256}.0/24 172.{16 + i // 25600}.{i // 100 % 256}.0/24 any "
              f"-P out ipsec esp/tunnel/192.0.2.1-{peer}/require;")
PYTHON
start=$SECONDS
sk gw -f "$WORK/many.conf"
echo "ok: loaded in $((SECONDS - start)) s"

sk gw -D > "$WORK/dump.txt"
assert_eq "$(grep -c 'spi=' "$WORK/dump.txt")" $count 'SAs in the dump'
assert_eq "$(grep -o 'spi=[0-9]*' "$WORK/dump.txt" | sort -u | wc -l)" $count 'different SPIs in it'
assert_eq "$(tail -n 1 "$WORK/dump.txt" | awk '{print $1}')" 'sadb_seq=0' 'the last entry'
assert_eq "$(sk gw -DP | grep -c '^	out ')" 1000 'policies in the dump'

say "a client that stops reading in the middle of a dump"
"$PYTHON" - "$(socket_of gw)" > "$WORK/stuck.log" <<'PYTHON' &
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(struct.pack("=LHHLL", 16, 0x12, 0x301, 1, 0))    # XFRM_MSG_GETSA, request + dump
print("asked", flush=True)
time.sleep(60)
PYTHON
BACKGROUND+=($!)
wait_for 5 grep -q asked "$WORK/stuck.log"
start=${EPOCHREALTIME/./}
sk gw -D | grep -c 'spi=' > "$WORK/second.txt" &
second=$!
sk gw -D | grep -c 'spi=' > "$WORK/third.txt" &
wait $second $!
assert_eq "$(cat "$WORK/second.txt" "$WORK/third.txt" | xargs)" "$count $count" 'two more dumps beside it'
cy gw status > /dev/null
echo "ok: two whole dumps beside it in $(((${EPOCHREALTIME/./} - start) / 1000)) ms"

say "a change in the middle of a dump, and all of it gone at once"
echo 'delete 192.0.2.1 198.18.1.0 esp 0x10001;' | sk gw -c
assert_eq "$(sk gw -D | grep -c 'spi=')" $((count - 1)) 'SAs after a deletion'
sk gw -F
sk gw -FP
assert_match "$(sk gw -D)" 'No SAD entries' 'SAD after -F'
assert_match "$(sk gw -DP)" 'No SPD entries' 'SPD after -FP'
gateway_stop gw
