# shellcheck shell=bash
# Debian's strongSwan in a namespace of the laboratory, unchanged: charon with its kernel-netlink
# plugin under `cygnet exec`, driven by swanctl. Sourced after netns.sh.
#
#   charon_start gw [LINE...]   lines of strongswan.conf's charon section beside ours
#   charon_own_esp gw           without cygnetd: ESP is charon's own, too (kernel-libipsec, in UDP only)
#   charon_stop gw
#   swan gw ARGS                swanctl
#   swan_load gw < FILE         a swanctl.conf, all of which must be taken
#
# Two on one machine share /run/charon.pid: each gets a /run of its own, in the mount namespace that
# `ip netns exec` makes anyway.

CHARON=/usr/lib/ipsec/charon
declare -A CHARON_PID=()

swan_dir() { echo "$WORK/swan-$1"; }

charon_conf() { # NAME KERNEL-PLUGINS LINE...
    local name=$1 kernel=$2 dir
    dir=$(swan_dir "$name")
    shift 2
    cat << END
charon {
    load = random nonce openssl aes sha1 sha2 hmac kdf gcm ctr chapoly curve25519 pem x509 pubkey pkcs1 $kernel socket-default vici
    # cygnetd's device and table are not charon's business (docs/strongswan.md).
    interfaces_ignore = cyg0
    ignore_routing_tables = 219
$(printf '    %s\n' "$@")
    plugins {
        vici {
            socket = unix://$dir/vici
        }
    }
    filelog {
        log {
            path = $WORK/charon-$name.log
            default = 1
            flush_line = yes
        }
    }
}
swanctl {
    load = random nonce openssl pem x509 pubkey pkcs1
}
END
}

charon_start() {
    local name=$1
    shift
    charon_conf_dir "$name" kernel-netlink "$@"
    charon_run "$name" "$BIN/cygnet" exec
}

charon_own_esp() {
    charon_conf_dir "$1" 'kernel-libipsec kernel-netlink'
    charon_run "$1"
}

charon_conf_dir() { # NAME KERNEL-PLUGINS LINE...
    local name=$1 dir sub
    dir=$(swan_dir "$name")
    [[ -x $CHARON ]] || fail "no $CHARON: install strongswan-charon"
    for sub in x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12; do
        mkdir -p "$dir/$sub"
    done
    charon_conf "$@" > "$dir/strongswan.conf"
}

charon_run() { # NAME [COMMAND THAT RUNS IT...]
    local name=$1 dir
    dir=$(swan_dir "$name")
    shift
    rm -f "$dir/vici"
    ip netns exec "$LAB$name" env STRONGSWAN_CONF="$dir/strongswan.conf" CYGNET_SOCKET="$(socket_of "$name")" \
        sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh "$@" "$CHARON" > "$WORK/charon-$name.out.log" 2>&1 &
    CHARON_PID[$name]=$!
    BACKGROUND+=("$!")
    wait_for 20 charon_serves_or_died "$name"
    charon_is_up "$name" || fail "charon in $name did not start: $(tail -n 3 "$WORK/charon-$name.log")"
}

charon_is_up() { kill -0 "${CHARON_PID[$1]}" 2> /dev/null; }
charon_serves_or_died() { ! charon_is_up "$1" || swan "$1" --stats; }

charon_stop() {
    kill -TERM "${CHARON_PID[$1]}"
    wait "${CHARON_PID[$1]}" || true
    unset "CHARON_PID[$1]"
}

swan() {
    local name=$1 command=$2 dir
    dir=$(swan_dir "$name")
    shift 2
    STRONGSWAN_CONF="$dir/strongswan.conf" SWANCTL_DIR="$dir" swanctl "$command" --uri "unix://$dir/vici" "$@"
}

swan_load() {
    cat > "$(swan_dir "$1")/swanctl.conf"
    swan "$1" --load-all > "$WORK/load-$1.log" 2>&1 || fail "swanctl refused the configuration of $1: $(cat "$WORK/load-$1.log")"
}

charon_said() { grep -qE -- "$2" "$WORK/charon-$1.log"; }

# offices: two gateways and a host behind each, with networks 10.1.N.0/24 and 10.2.N.0/24.
#
#   officeA --- gwA ======== gwB --- officeB
#   10.1.N.2   10.1.N.1     10.2.N.1   10.2.N.2
#            192.0.2.1     192.0.2.2
swan_offices() { # N...
    local n
    ns_add officeA gwA gwB officeB
    veth officeA eth0 gwA lan
    veth gwA wan gwB wan
    veth gwB lan officeB eth0
    addr gwA wan 192.0.2.1/24
    addr gwB wan 192.0.2.2/24
    for n; do
        addr officeA eth0 "10.1.$n.2/24"
        addr gwA lan "10.1.$n.1/24"
        addr gwB lan "10.2.$n.1/24"
        addr officeB eth0 "10.2.$n.2/24"
    done
    ip -n "${LAB}officeA" route add default via "10.1.$1.1"
    ip -n "${LAB}officeB" route add default via "10.2.$1.1"
    forwarding_on gwA gwB
}

# nat_offices: one network each, and the first gateway behind a NAT.
#
#   officeA --- gwA -- 10.9.0.0/24 -- nat ==[ 192.0.2.0/24 ]== gwB --- officeB
#  10.1.0.2       10.9.0.1          .254  .254              .2        10.2.0.2
nat_offices() {
    ns_add officeA gwA nat gwB officeB
    veth officeA eth0 gwA lan
    veth gwA wan nat in0
    veth nat out0 gwB wan
    veth gwB lan officeB eth0
    addr officeA eth0 10.1.0.2/24
    addr gwA lan 10.1.0.1/24
    addr gwA wan 10.9.0.1/24
    addr nat in0 10.9.0.254/24
    addr nat out0 192.0.2.254/24
    addr gwB wan 192.0.2.2/24
    addr gwB lan 10.2.0.1/24
    addr officeB eth0 10.2.0.2/24
    ip -n "${LAB}officeA" route add default via 10.1.0.1
    ip -n "${LAB}officeB" route add default via 10.2.0.1
    ip -n "${LAB}gwA" route add default via 10.9.0.254
    forwarding_on gwA nat gwB
}

# nat_map PORT: the port that gwA's 4500 has from now on; what was before is forgotten.
nat_map() {
    on nat nft -f - <<NFT
table ip nat
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname out0 udp sport 4500 snat to 192.0.2.254:$1
    oifname out0 masquerade
  }
}
NFT
    on nat "$PYTHON" "$LIB/conntrack_flush.py"
}

# swan_connection OWN OTHER 'SETTING..' CHILD..: a swanctl.conf; a CHILD is "NAME LOCAL-TS REMOTE-TS SETTING..",
# settings separated by blanks.
swan_connection() {
    local own=$1 other=$2 setting child
    printf 'connections {\n  site {\n    version = 2\n    local_addrs = %s\n    remote_addrs = %s\n' "$own" "$other"
    printf '    proposals = aes128gcm16-prfsha256-x25519\n    mobike = no\n'
    for setting in $3; do printf '    %s\n' "${setting/=/ = }"; done
    printf '    local {\n      auth = psk\n      id = %s\n    }\n    remote {\n      auth = psk\n      id = %s\n    }\n    children {\n' "$own" "$other"
    shift 3
    for child; do
        # shellcheck disable=SC2086 # words are meant
        set -- $child
        printf '      %s {\n        local_ts = %s\n        remote_ts = %s\n' "$1" "$2" "$3"
        shift 3
        for setting; do printf '        %s\n' "${setting/=/ = }"; done
        printf '      }\n'
    done
    printf '    }\n  }\n}\nsecrets {\n  ike-site {\n    id-1 = %s\n    id-2 = %s\n    secret = "two offices"\n  }\n}\n' "$own" "$other"
}

# swan_in gw CHILD, swan_out: packets of a CHILD_SA as swanctl tells them.
swan_packets() { # NAME CHILD in|out
    swan "$1" --list-sas --child "$2" | awk -v way="$3" '$1 == way {print $5; exit}'
}
