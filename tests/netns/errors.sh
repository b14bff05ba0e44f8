#!/usr/bin/env bash
# What is missing or wrong at start, and bad setkey input: one clear sentence each, a status that
# is not 0, and nothing changed.
#
#   namespaces gw and other: cygnetd, and the one that must not start beside it
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin errors
ns_add gw other

# daemon NAME OPTION...: one that is expected to refuse
daemon() {
    local name=$1
    shift
    ip netns exec "$LAB$name" timeout 5 "$BIN/cygnetd" --socket "$WORK/refused/xfrm.sock" --tun cyg9 --state-dir "$WORK/refused-state" "$@"
}
untouched() {
    assert_eq "$(ip -n "${LAB}$1" -o link show cyg9 2> /dev/null || true)" '' 'a device is left'
    assert_eq "$(ip -n "${LAB}$1" rule | grep -c 219 || true)" "${2:-0}" 'rules'
    [[ ! -e $WORK/refused/xfrm.sock ]] || fail "a socket is left"
}
# says PATTERN: one line, that names what is wrong
says() {
    assert_match "$SAID" "$1" 'the sentence'
    echo "ok: $SAID"
}

say "at start"
daemon gw --version | grep -qE '^cygnetd [0-9]+\.[0-9]+' || fail '--version'
daemon gw --help | grep -q -- --state-dir || fail '--help'
refused daemon gw --no-such-option
refused daemon gw --workers 0
refused daemon gw operand
refused daemon gw --tun a-name-far-too-long-for-a-device
refused daemon gw --log-level loud
says 'loud'
refused unshare -m sh -c "mount -t tmpfs none /dev/net && exec \"\$@\"" - ip netns exec "${LAB}gw" timeout 5 "$BIN/cygnetd" \
    --socket "$WORK/refused/xfrm.sock" --tun cyg9 --state-dir "$WORK/refused-state"
says '/dev/net/tun'
untouched gw
for missing in net_admin net_raw setuid; do
    refused on gw setpriv --bounding-set "-$missing" timeout 5 "$BIN/cygnetd" --socket "$WORK/refused/xfrm.sock" --tun cyg9 --state-dir "$WORK/refused-state"
    says "(cap|CAP)_($missing|${missing^^})"
    untouched gw
done
refused on gw setpriv --reuid nobody --regid nogroup --clear-groups timeout 5 "$BIN/cygnetd" --socket /tmp/no/xfrm.sock
says "capabilit|cap_"

say "a second one in the namespace; one in another is welcome"
gateway_start gw
refused daemon gw
says 'cygnetd|already'
untouched gw 1
gateway_start other
gateway_stop other
cy gw status > /dev/null

say "warned: forwarding is off"
grep -qi 'forward' "$WORK/cygnetd-gw.log" || fail "no word about forwarding"

say "nobody serves"
refused env CYGNET_SOCKET="$WORK/none.sock" "$BIN/setkey" -D
says none.sock
refused env CYGNET_SOCKET="$WORK/none.sock" "$BIN/cygnet" status
says none.sock

say "bad setkey input"
# bad STATUS-AND-TEXT-PATTERN LINE TEXT
bad() {
    printf '%s\n' "$3" > "$WORK/bad.conf"
    refused sk gw -f "$WORK/bad.conf"
    says "$1"
    assert_match "$SAID" "bad.conf,$2:" 'file and line'
    if [[ $SAID == *0x0102* ]]; then fail "a key is in the message"; fi
}
gcm=0x0102030405060708090a0b0c0d0e0f1011121314
bad 'parse failed|[Ss]yntax' 1 'add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16;'
bad '[Ss]yntax' 2 "
spdadd 10.1.0.0/16 10.2.0.0/16 any -P out \\"
bad '[Ii]nvalid key length' 1 'add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 0x0102;'
bad '[Ss]yntax' 1 "add 192.0.2.1 192.0.2.2 esp 0x1000 -E rot-13 $gcm;"
bad 'ah|AH' 1 'add 192.0.2.1 192.0.2.2 ah 0x1000 -A hmac-sha1 0x0102030405060708090a0b0c0d0e0f1011121314;'
bad 'transport' 1 "add 192.0.2.1 192.0.2.2 esp 0x1000 -m transport -E aes-gcm-16 $gcm;"
bad '3des' 1 'add 192.0.2.1 192.0.2.2 esp 0x1000 -E 3des-cbc 0x010203040506070801020304050607080102030405060708 -A hmac-sha1 0x0102030405060708090a0b0c0d0e0f1011121314;'
bad 'SPI|Invalid' 1 "add 192.0.2.1 192.0.2.2 esp 0 -E aes-gcm-16 $gcm;"
bad '[Ff]amily' 1 "add 192.0.2.1 2001:db8::2 esp 0x1000 -E aes-gcm-16 $gcm;"
bad '.' 1 'spdadd 10.1.0.0/33 10.2.0.0/16 any -P out none;'
bad '.' 1 'spdadd 10.1.0.0/16 10.2.0.0/16 any -P out ipsec esp/tunnel//require;'
bad 'ah|AH|bundle' 1 'spdadd 10.1.0.0/16 10.2.0.0/16 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/require ah/tunnel/192.0.2.1-192.0.2.2/require;'
bad '[Ww]indow|[Ii]nvalid' 1 "add 192.0.2.1 192.0.2.2 esp 0x1000 -r 0 -esn -E aes-gcm-16 $gcm;"
bad 'NULL|null|integrity|[Ii]nvalid' 1 'add 192.0.2.1 192.0.2.2 esp 0x1000 -E null;'
bad '' 2 "add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 $gcm;
add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 $gcm;"
says 'File exists'
echo 'flush;' | sk gw -c
assert_match "$(sk gw -D)" 'No SAD entries' 'SAD after all that'
assert_match "$(sk gw -DP)" 'No SPD entries' 'SPD after all that'
refused sk gw -f "$WORK/not-there.conf"
says 'not-there.conf'

say "-n sends nothing"
echo "add 192.0.2.1 192.0.2.2 esp 0x1000 -E aes-gcm-16 $gcm;" > "$WORK/check.conf"
sk gw -n -f "$WORK/check.conf"
assert_match "$(sk gw -D)" 'No SAD entries' 'SAD after -n'

say "a policy without SA: the packet waits for nobody, and is counted"
stub gw lan0
addr gw lan0 10.1.0.1/24
stub gw pub0
addr gw pub0 192.0.2.1/24
echo 'spdadd 10.1.0.0/24 10.2.0.0/24 any -P out ipsec esp/tunnel/192.0.2.1-192.0.2.2/require;' | load gw
moves_by_one gw NO_OUT_SA silent gw 10.2.0.2 -I 10.1.0.1
gateway_stop gw
