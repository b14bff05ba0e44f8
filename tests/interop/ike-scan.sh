#!/usr/bin/env bash
# ike-scan, with which people look for IKE: cygnet-iked answers an IKEv2 scan as RFC 7296 says, and what
# is not IKEv2 not at all; nothing stays of either.
#
#   scanner 192.0.2.9 ======== 192.0.2.1 gw: cygnet-iked
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-scan
ns_add scanner gw
veth scanner wan gw wan
addr scanner wan 192.0.2.9/24
addr gw wan 192.0.2.1/24
iked_conf gw <<CONF
connections { any {
    proposals = aes256-sha256-modp2048
    local { auth = psk
        id = gw.example.org
    }
    remote { auth = psk }
    children { net { local_ts = 10.1.0.0/24
    } } } }
secrets { ike { secret = "a secret of more than twenty octets" } }
CONF
gateway_start gw
iked_start gw
capture scanner wan scan.pcap udp

say "what each scan is answered"
# OPTIONS|ANSWER. ike-scan offers AES, 3DES and DES with SHA-1 and MD5: nothing we would take.
while IFS='|' read -r options answer; do
    # shellcheck disable=SC2086 # words are meant
    on scanner ike-scan $options --retry=1 --timeout=200 192.0.2.1 > "$WORK/scan" 2>&1 < /dev/null ||
        fail "ike-scan $options: $(cat "$WORK/scan")"
    said=$(sed -n 's/^192.0.2.1\t\(Notify message [0-9]* ([A-Z_]*)\).*/\1/p' "$WORK/scan")
    assert_eq "${said:-silence}" "$answer" "ike-scan $options"
    assert_match "$(tail -n 1 "$WORK/scan")" "0 returned handshake; $([[ $answer == silence ]] && echo 0 || echo 1) returned notify"
    echo "ok: $options: $answer"
done <<'SCANS'
--ikev2|Notify message 14 (NO_PROPOSAL_CHOSEN)
--ikev2 --dhgroup=14|Notify message 14 (NO_PROPOSAL_CHOSEN)
--ikev2 --mbz=255|Notify message 14 (NO_PROPOSAL_CHOSEN)
--ikev2 --nat-t|Notify message 14 (NO_PROPOSAL_CHOSEN)
--ikev2 --headerver=48|Notify message 5 (INVALID_MAJOR_VERSION)
--ikev2 --headerver=16|silence
--ikev2 --headerlen=+100|silence
--ikev2 --headerlen=-20|silence
--ikev2 --exchange=99|silence
--ikev2 --hdrflags=32|silence
--ikev2 --hdrmsgid=7|silence
--ikev2 --cookie=0000000000000000|silence
--ikev2 --rcookie=1111111111111111|silence
--verbose|silence
--aggressive --id=x|silence
SCANS
capture_end

say "tshark's view: answers to the question asked, as a responder, none longer than it"
fields=(-T fields -E 'separator= ' -e isakmp.ispi -e isakmp.messageid -e isakmp.flag_r -e isakmp.flag_i -e udp.length)
asked=$(tshark -n -r "$WORK/scan.pcap" -Y 'ip.src == 192.0.2.9 and isakmp' "${fields[@]}" 2> /dev/null)
answers=0
while read -r spi id response initiator len; do
    assert_eq "$id $response $initiator" '0x00000000 1 0' 'message ID, flags response and initiator'
    [[ $asked == *"$spi "* ]] || fail "an answer to nobody: SPI $spi"
    ((len < 100)) || fail "an answer of $len bytes"
    answers=$((answers + 1))
done < <(tshark -n -r "$WORK/scan.pcap" -Y 'ip.src == 192.0.2.1 and isakmp' "${fields[@]}" 2> /dev/null)
assert_eq "$answers" 5 'answers'

say "what is left of it: a line in the log that names both sides, and nothing else"
ike_logged gw 'no IKE proposal in common; ours: aes256-sha256-prfsha256-modp2048; theirs: aes256-aes128-3des-des-sha1' ||
    fail "the log says nothing"
assert_eq "$(ike gw status --json | jq -c .ike)" '[{"connection":"any","state":"down","children":[]}]' 'status'
iked_stop gw
gateway_stop gw
