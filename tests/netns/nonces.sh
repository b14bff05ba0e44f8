#!/usr/bin/env bash
# A (key, nonce) pair is never used twice: not when the same setkey file is loaded again, not after
# a clean stop, not after kill -9, and not by two gateways that share one key for both directions.
# The captures of all lives are read together.
#
#   hostA --- gwA (dies, four lives) ===[ pub: records ]=== gwB --- hostB
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
lab_begin nonces
offices_up
key=$(hex_key 20)
# One AES-GCM key for both directions: unwise, and common in old files.
cat > "$WORK/sas.conf" <<CONF
add 192.0.2.1 192.0.2.2 esp 0x1004 -m tunnel -r 64 -E aes-gcm-16 $key;
add 192.0.2.2 192.0.2.1 esp 0x2004 -m tunnel -r 64 -E aes-gcm-16 $key;
add 2001:db8::1 2001:db8::2 esp 0x1006 -m tunnel -r 64 -esn -E chacha20-poly1305 $(hex_key 36);
add 2001:db8::2 2001:db8::1 esp 0x2006 -m tunnel -r 64 -esn -E chacha20-poly1305 $(hex_key 36);
CONF
gateway_start gwA
gateway_start gwB
offices_load A
offices_load B

live() {
    capture pub br0 "$1.pcap" esp
    for _ in 1 2 3; do
        reaches hostA 10.2.0.2
        reaches hostA fd00:2::2
        reaches hostB 10.1.0.2
    done
    capture_end
}
live first
offices_load A
live loaded-again
gateway_kill gwA
gateway_start gwA
offices_load A
live after-kill
gateway_stop gwA
gateway_start gwA
offices_load A
live after-stop

say "no nonce twice, sequence numbers only ever rise"
lives=("$WORK"/{first,loaded-again,after-kill,after-stop}.pcap)
on pub "$PYTHON" "$LIB/esp_witness.py" nonces "${lives[@]}"

say "nor between the two directions that share a key"
on pub "$PYTHON" - "${lives[@]}" <<'PYTHON'
import sys
from esp_witness import *
ivs = [View(p).payload[8:16] for path in sys.argv[1:] for p in capture(path) if View(p).version == 4]
assert len(ivs) >= 24 and len(ivs) == len(set(ivs)), "one IV under one key twice"
print(f"ok: {len(ivs)} packets under the shared key, {len(set(ivs))} IVs")
PYTHON

say "what is on disk: sequence numbers, no key, for its owner only"
file=$(state_of gwA)/sequence-numbers
assert_eq "$(stat -c %a "$file")" 600 'mode'
on gwA "$PYTHON" - "$file" "$key" <<'PYTHON'
import sys
data, key = open(sys.argv[1], "rb").read(), bytes.fromhex(sys.argv[2][2:])
assert len(data) >= 32
for i in range(len(key) - 3):
    assert key[i:i + 4] not in data, "four bytes of the key are in the file"
PYTHON
gateway_stop gwA

say "a file that cannot be trusted is refused, not forgotten"
for damage in 'truncate -s -1' 'truncate -s 0' 'sed -i s/^./X/'; do
    cp "$file" "$WORK/saved"
    $damage "$file"
    refused timeout 5 ip netns exec "${LAB}gwA" "$BIN/cygnetd" --socket "$(socket_of gwA)" --tun cyg0 --state-dir "$(state_of gwA)"
    echo "ok: $damage: $SAID"
    cat "$WORK/saved" > "$file"
done
