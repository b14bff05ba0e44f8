#!/bin/sh
# strongSwan on the guest's own kernel: starts charon (kernel-netlink, protocol 50 on the wire) inside a
# kernel peer, or gives the one that runs another swanctl.conf, which comes on standard input.
#
#   charon-guest.sh [NAME] < ...    NAME: its IKE SAs end first; see tests/lib/guest_charon.sh
#
# The guest's file system is read-only, so all state lies in its /run. Log: /run/swan/charon.log.
set -eu
export STRONGSWAN_CONF=/run/swan/strongswan.conf SWANCTL_DIR=/run/swan
cd /run
# One that was killed leaves its socket: there is none without the process. Each command costs a fifth of a second.
runs() { [ -S /run/charon.vici ] && read -r pid < /run/charon.pid && [ -e "/proc/$pid/exe" ]; }
if runs && [ $# -gt 0 ]; then swanctl --terminate --ike "$1" --force > /dev/null 2>&1 || true; fi
for d in x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12; do
    [ -d "swan/$d" ] || mkdir -p "swan/$d"
done
cat > swan/swanctl.conf
cat > "$STRONGSWAN_CONF" <<END
charon {
    load = random nonce openssl aes sha1 sha2 hmac kdf gcm ccm ctr chapoly curve25519 pem x509 pubkey pkcs1 kernel-netlink socket-default vici
    retransmit_timeout = 0.5
    retransmit_base = 1.2
    retransmit_tries = 5
    filelog {
        log {
            path = /run/swan/charon.log
            default = 1
            flush_line = yes
        }
    }
}
# Or it loads all there are, and for some of them the kernel looks for dozens of modules.
swanctl {
    load = random nonce openssl pem x509 pubkey pkcs1
}
END
if ! runs; then
    rm -f /run/charon.pid /run/charon.vici
    /usr/lib/ipsec/charon > /run/swan/charon.out 2>&1 &
    i=0
    until runs; do
        i=$((i + 1))
        [ $i -lt 600 ] || { cat /run/swan/charon.out /run/swan/charon.log >&2; exit 1; }
        sleep 0.1
    done
fi
exec swanctl --load-all
