#!/bin/sh
# strongSwan on the guest's own kernel: starts charon (kernel-netlink, protocol 50 on the wire) inside a
# kernel peer, or gives the one that runs another swanctl.conf, which comes on standard input.
#
#   kernel-peer.sh exec DIR sh charon-guest.sh < ...    see tests/interop/ike-strongswan.sh
#
# The guest's file system is read-only, so all state lies in its /run. Log: /run/swan/charon.log.
set -eu
export STRONGSWAN_CONF=/run/swan/strongswan.conf SWANCTL_DIR=/run/swan
cd /run
for d in x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12; do
    mkdir -p "swan/$d"
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
if ! swanctl --stats > /dev/null 2>&1; then
    rm -f /run/charon.pid
    /usr/lib/ipsec/charon > /run/swan/charon.out 2>&1 &
    i=0
    until swanctl --stats > /dev/null 2>&1; do
        i=$((i + 1))
        [ $i -lt 200 ] || { cat /run/swan/charon.out /run/swan/charon.log >&2; exit 1; }
        sleep 0.1
    done
fi
exec swanctl --load-all
