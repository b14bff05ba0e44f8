# shellcheck shell=bash
# shellcheck disable=SC2034 # run.sh reads TUNNEL_PIDS
# The ways from office A to office B that tests/bench/run.sh compares, each in namespaces of its own.
# Sourced after tests/lib/netns.sh. tunnel_up NAME makes one; the processes of its gateways that are to
# be looked at are in TUNNEL_PIDS then.
#
#   NAME-hostA --- NAME-gwA ===pub0=== NAME-gwB --- NAME-hostB
#   10.1.0.2       192.0.2.1           192.0.2.2    10.2.0.2

TUNNEL_PIDS=''

# tunnel_offices NAME: both offices, no way between them.
tunnel_offices() {
    local t=$1 side number
    ns_add "$t-hostA" "$t-gwA" "$t-gwB" "$t-hostB"
    veth "$t-gwA" pub0 "$t-gwB" pub0
    for side in A B; do
        number=1
        if [[ $side == B ]]; then number=2; fi
        veth "$t-gw$side" lan "$t-host$side" lan
        addr "$t-gw$side" pub0 "192.0.2.$number/24"
        addr "$t-gw$side" lan "10.$number.0.1/24"
        addr "$t-host$side" lan "10.$number.0.2/24"
        ip -n "$LAB$t-host$side" route add default via "10.$number.0.1"
    done
    forwarding_on "$t-gwA" "$t-gwB"
}

# tunnel_routes NAME DEVICE-A DEVICE-B: the other office lies behind these devices.
tunnel_routes() {
    ip -n "$LAB$1-gwA" route add 10.2.0.0/24 dev "$2"
    ip -n "$LAB$1-gwB" route add 10.1.0.0/24 dev "$3"
}

plain_up() {
    TUNNEL_PIDS=''
    ip -n "$LAB$1-gwA" route add 10.2.0.0/24 via 192.0.2.2
    ip -n "$LAB$1-gwB" route add 10.1.0.0/24 via 192.0.2.1
}

# ---- Cygnet ----------------------------------------------------------------------------------

# cygnet_up NAME raw|udp [CYGNETD-OPTION...]: AES-128-GCM.
cygnet_up() {
    local t=$1 way=$2 out back side
    shift 2
    if [[ $way == udp ]]; then
        out="add 192.0.2.1 [4500] 192.0.2.2 [4500] esp-udp 0x1004"
        back="add 192.0.2.2 [4500] 192.0.2.1 [4500] esp-udp 0x2004"
    else
        out="add 192.0.2.1 192.0.2.2 esp 0x1004"
        back="add 192.0.2.2 192.0.2.1 esp 0x2004"
    fi
    out+=" -m tunnel -r 1024 -E aes-gcm-16 $(hex_key 20);"
    back+=" -m tunnel -r 1024 -E aes-gcm-16 $(hex_key 20);"
    for side in A B; do
        gateway_start "$t-gw$side" "$@"
        { echo "$out"; echo "$back"; cygnet_policies "$side"; } | load "$t-gw$side"
    done
    TUNNEL_PIDS="${GATEWAY_PID[$t-gwA]},${GATEWAY_PID[$t-gwB]}"
}

cygnet_policies() {
    local us=1 them=2
    if [[ $1 == B ]]; then us=2 them=1; fi
    echo "spdadd 10.$us.0.0/24 10.$them.0.0/24 any -P out ipsec esp/tunnel/192.0.2.$us-192.0.2.$them/require;"
    echo "spdadd 10.$them.0.0/24 10.$us.0.0/24 any -P in ipsec esp/tunnel/192.0.2.$them-192.0.2.$us/require;"
}

# ---- OpenVPN ---------------------------------------------------------------------------------

# openvpn_up NAME: TLS with pinned certificates, AES-128-GCM over UDP, its defaults otherwise.
openvpn_up() {
    local t=$1 side pids=() role
    for side in A B; do
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$side" \
            -keyout "$WORK/ovpn-$side.key" -out "$WORK/ovpn-$side.crt" 2> "$WORK/openssl.log"
        openssl x509 -in "$WORK/ovpn-$side.crt" -noout -fingerprint -sha256 | cut -d= -f2 > "$WORK/ovpn-$side.print"
    done
    for side in A B; do
        local us=1 them=2 other=B
        role=(--tls-server --dh none)
        if [[ $side == B ]]; then us=2 them=1 other=A role=(--tls-client); fi
        background "$t-gw$side" "openvpn-$side" openvpn --dev tun0 --dev-type tun --disable-dco "${role[@]}" \
            --local "192.0.2.$us" --remote "192.0.2.$them" --port 1194 --proto udp --ifconfig "10.9.0.$us" "10.9.0.$them" \
            --cert "$WORK/ovpn-$side.crt" --key "$WORK/ovpn-$side.key" --peer-fingerprint "$(cat "$WORK/ovpn-$other.print")" \
            --data-ciphers AES-128-GCM --ping 10 --verb 2
        pids+=("$LAST_PID")
    done
    wait_for 20 on "$t-gwA" ping -q -c 1 -W 1 10.9.0.2
    tunnel_routes "$t" tun0 tun0
    TUNNEL_PIDS="${pids[0]},${pids[1]}"
}

# ---- wireguard-go ----------------------------------------------------------------------------

wireguard_go_up() {
    local t=$1 side pids=()
    for side in A B; do
        (umask 077 && wg genkey > "$WORK/wg-$side.key")
        wg pubkey < "$WORK/wg-$side.key" > "$WORK/wg-$side.pub"
    done
    for side in A B; do
        local us=1 them=2 other=B dev=$LAB"wg$side"
        if [[ $side == B ]]; then us=2 them=1 other=A; fi
        background "$t-gw$side" "wireguard-go-$side" env WG_PROCESS_FOREGROUND=1 wireguard-go -f "$dev"
        pids+=("$LAST_PID")
        wait_for 10 on "$t-gw$side" wg show "$dev"
        on "$t-gw$side" wg set "$dev" listen-port 51820 private-key "$WORK/wg-$side.key" \
            peer "$(cat "$WORK/wg-$other.pub")" allowed-ips "10.$them.0.0/24,10.9.0.$them/32" endpoint "192.0.2.$them:51820"
        ip -n "$LAB$t-gw$side" link set "$dev" up
    done
    tunnel_routes "$t" "${LAB}wgA" "${LAB}wgB"
    TUNNEL_PIDS="${pids[0]},${pids[1]}"
}

# ---- strongSwan, kernel-libipsec -------------------------------------------------------------

libipsec_up() {
    local t=$1 side pids=() secret
    secret=$(hex_key 16)
    for side in A B; do
        libipsec_config "$side" "$secret"
        background "$t-gw$side" "charon-$side" env STRONGSWAN_CONF="$WORK/charon-$side.conf" charon-systemd
        pids+=("$LAST_PID")
    done
    for side in A B; do
        wait_for 15 on "$t-gw$side" swanctl --load-all --file "$WORK/swanctl-$side.conf" --uri "unix://$WORK/charon-$side.vici"
    done
    wait_for 20 on "$t-gwA" swanctl --initiate --child offices --timeout 5 --uri "unix://$WORK/charon-A.vici"
    TUNNEL_PIDS="${pids[0]},${pids[1]}"
}

libipsec_config() {
    local side=$1 us=1 them=2
    if [[ $side == B ]]; then us=2 them=1; fi
    cat > "$WORK/charon-$side.conf" <<CONF
charon-systemd {
    load = random nonce openssl aes gcm sha1 sha2 hmac kdf kernel-libipsec kernel-netlink socket-default vici
    plugins {
        vici { socket = unix://$WORK/charon-$side.vici }
        kernel-libipsec { load = 10 }
    }
    journal { default = -1 }
    filelog { stderr { path = stderr
        default = 0 } }
}
swanctl { load = random openssl aes sha1 sha2 hmac }
CONF
    cat > "$WORK/swanctl-$side.conf" <<CONF
connections {
    peer {
        version = 2
        proposals = aes128-sha256-modp2048
        local_addrs = 192.0.2.$us
        remote_addrs = 192.0.2.$them
        local { auth = psk
            id = 192.0.2.$us }
        remote { auth = psk
            id = 192.0.2.$them }
        children { offices {
            local_ts = 10.$us.0.0/24
            remote_ts = 10.$them.0.0/24
            esp_proposals = aes128gcm16
        } }
    }
}
secrets { ike { secret = $2 } }
CONF
}
