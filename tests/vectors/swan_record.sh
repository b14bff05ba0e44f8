#!/usr/bin/env bash
# Makes tests/vectors/swan_cases.h anew: two charons of Debian's over two cygnetds make four IKE SAs and twelve
# child SAs, the initiator logs its key schedule, and swan_log.py writes down what it said. By hand, as
# root; no test runs it. Nothing but these SAs uses the secret.
#
#   swan_record.sh > swan_cases.h
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
lab_begin swan-record
ns_add a b
veth a wan b wan
addr a wan 192.0.2.1/24
addr b wan 192.0.2.2/24
for name in a b; do
    gateway_start "$name"
    charon_conf_dir "$name" kernel-netlink
done
sed -i 's/default = 1/&\n ike = 4\n chd = 4\n enc = 3/' "$(swan_dir a)/strongswan.conf"
for name in a b; do charon_run "$name" "$BIN/cygnet" exec; done

# conf OWN OTHER OWN-NET OTHER-NET
conf() {
    local n=0 ike esp
    echo 'connections {'
    while read -r ike esp; do
        n=$((n + 1))
        cat << CONF
    c$n {
        version = 2
        local_addrs = $1
        remote_addrs = $2
        proposals = $ike
        mobike = no
        local {
            auth = psk
            id = $1-$n
        }
        remote {
            auth = psk
            id = $2-$n
        }
        children {
            net$n {
                local_ts = 10.$3.$n.0/24
                remote_ts = 10.$4.$n.0/24
                esp_proposals = $esp
            }
        }
    }
CONF
    done << 'SUITES'
aes128gcm16-prfsha256-x25519 aes128gcm16-x25519
aes256-sha384-ecp384 aes256-sha256-ecp384
aes192-sha512-modp2048 chacha20poly1305-modp2048
chacha20poly1305-prfsha512-ecp521 aes128-sha512-ecp521
SUITES
    printf '}\nsecrets {\n    ike {\n        secret = "a secret for the record"\n    }\n}\n'
}
conf 192.0.2.1 192.0.2.2 1 2 | swan_load a
conf 192.0.2.2 192.0.2.1 2 1 | swan_load b
# keys COUNT: so many times the initiator has logged keys.
keys() { (($(grep -cE 'adding inbound ESP SA|IKE_SA .* rekeyed between' "$WORK/charon-a.log") == $1)); }
for n in 1 2 3 4; do
    swan a --initiate --child "net$n" > "$WORK/swanctl.log"
    wait_for 10 keys $((4 * n - 3))
    swan a --rekey --child "net$n" > "$WORK/swanctl.log"
    wait_for 10 keys $((4 * n - 2))
    swan a --rekey --ike "c$n" > "$WORK/swanctl.log"
    wait_for 10 keys $((4 * n - 1))
    swan a --rekey --child "net$n" > "$WORK/swanctl.log"
    wait_for 10 keys $((4 * n))
done
"$PYTHON" "$ROOT/tests/vectors/swan_log.py" "$WORK/charon-a.log"
