#!/usr/bin/env bash
# The key schedule by another's arithmetic: with the table that cygnet keys --wireshark writes, tshark
# opens what two cygnet-iked said, from IKE_AUTH to delete, and finds every integrity checksum right.
#
#   hostA --- gwA ===[ pub: the capture ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-keys
offices_up

# A suite of each kind: AES-CBC with SHA-2 at each end of its lengths, AES-GCM, with different PRFs and groups.
suites=(aes128-sha256-modp2048 aes256-sha512-ecp521 aes192-sha384-x25519 aes256gcm16-prfsha384-ecp384 aes128gcm16-prfsha512-ecp256)
conf() { # US THEM
    echo 'connections {'
    local suite
    for suite in "${suites[@]}"; do
        cat <<CONF
    c-$suite {
        local_addrs = 192.0.2.$1
        remote_addrs = 192.0.2.$2
        proposals = $suite
        local { auth = psk
            id = office-$1.$suite
        }
        remote { auth = psk
            id = office-$2.$suite
        }
        children { net { local_ts = 10.$1.0.0/24
            remote_ts = 10.$2.0.0/24
        } }
    }
CONF
    done
    echo '} secrets { ike { secret = "a secret of more than twenty octets" } }'
}
conf 1 2 | iked_conf gwA
conf 2 1 | iked_conf gwB
for gateway in gwA gwB; do
    gateway_start "$gateway"
    iked_start "$gateway"
done

# messages FOLDER: of the capture, read with the tables in that folder, a line for each: exchange, initiator's
# or responder's message, payloads, identities, start of each traffic selector.
messages() {
    WIRESHARK_CONFIG_DIR=$1 tshark -n -r "$WORK/ike.pcap" -Y 'isakmp.messageid > 0' -T fields -E 'separator=;' -e isakmp.exchangetype \
        -e isakmp.flag_r -e isakmp.typepayload -e isakmp.id.data.fqdn -e isakmp.ts.start_ipv4 2> "$WORK/tshark.log"
}
# checksums FOLDER: what it says of each, and how often
checksums() {
    WIRESHARK_CONFIG_DIR=$1 tshark -n -r "$WORK/ike.pcap" -V -O isakmp 2> "$WORK/tshark.log" |
        sed -nE 's/.*Integrity Checksum Data: .*\[(correct|incorrect).*/\1/p' | sort | uniq -c | xargs
}
mkdir "$WORK/empty" "$WORK/exchanged"
for suite in "${suites[@]}"; do
    capture pub br0 ike.pcap udp port 500 or udp port 4500
    ike gwA up "c-$suite" > /dev/null
    ike gwA keys --wireshark "$WORK/wireshark" > /dev/null
    ike gwA down "c-$suite" > /dev/null
    capture_end
    a=office-1.$suite b=office-2.$suite
    # 35 IKE_AUTH, 37 INFORMATIONAL; payloads: 46 SK, 35 IDi, 36 IDr, 39 AUTH, 33 SA, 2 proposal,
    # 3 transform, 41 notify, 42 delete, 44 TSi, 45 TSr (RFC 7296 §3.2)
    seen=$(messages "$WORK/wireshark" | sed -E 's/,41,/,/; s/(,[23])+,/,/')
    assert_eq "$seen" "35;0;46,35,36,39,33,44,45;$a,$b;10.1.0.0,10.2.0.0
35;1;46,36,39,33,44,45;$b;10.1.0.0,10.2.0.0
37;0;46,42;;
37;1;46;;" "$suite"
    assert_eq "$(checksums "$WORK/wireshark")" '4 correct' "$suite: integrity checksums"
    assert_eq "$(messages "$WORK/empty")" '35;0;46;;
35;1;46;;
37;0;46;;
37;1;46;;' "$suite, without the table"
    echo "ok: $suite: 4 messages opened, 4 checksums correct"
done

say "tshark does look: with the keys of the two ends exchanged nothing is right"
awk -F, -v OFS=, '{print $1, $2, $4, $3, $5, $7, $6, $8}' "$WORK/wireshark/ikev2_decryption_table" > "$WORK/exchanged/ikev2_decryption_table"
assert_eq "$(checksums "$WORK/exchanged")" '4 incorrect' 'checksums'
assert_eq "$(stat -c '%a %U' "$WORK/wireshark/ikev2_decryption_table")" '600 root' 'its mode'
iked_stop gwA
iked_stop gwB
