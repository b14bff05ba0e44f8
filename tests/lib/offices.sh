# shellcheck shell=bash
# Two offices and the wire between them, for the scripts of tests/netns. Sourced after netns.sh.
#
#   hostA ---lan--- gwA ---pub0---[ bridge, namespace pub ]---pub0--- gwB ---lan--- hostB
#
#            office A              public wire             office B
#   same     10.1.0.0/24           192.0.2.0/24            10.2.0.0/24         IPv4 in IPv4
#   family   fd00:1::/64           2001:db8::/64           fd00:2::/64         IPv6 in IPv6
#   crossed  10.11.0.0/24          gateways .1 and .2      10.22.0.0/24        IPv4 in IPv6
#            fd00:11::/64          eavesdropper .9         fd00:22::/64        IPv6 in IPv4
#   gateways have .1 (::1) on their lan, hosts .2 (::2)

# offices_up: namespaces, addresses and routes. No tunnel yet, and no way around one.
offices_up() {
    ns_add hostA gwA pub gwB hostB
    ip -n "${LAB}pub" link add br0 type bridge
    ip -n "${LAB}pub" link set br0 up
    addr pub br0 192.0.2.9/24 2001:db8::9/64
    local side number cross
    for side in A B; do
        if [[ $side == A ]]; then number=1 cross=11; else number=2 cross=22; fi
        veth "gw$side" pub0 pub "port$side"
        ip -n "${LAB}pub" link set "port$side" master br0
        veth "gw$side" lan "host$side" lan
        addr "gw$side" pub0 "192.0.2.$number/24" "2001:db8::$number/64"
        addr "gw$side" lan "10.$number.0.1/24" "fd00:$number::1/64" "10.$cross.0.1/24" "fd00:$cross::1/64"
        addr "host$side" lan "10.$number.0.2/24" "fd00:$number::2/64" "10.$cross.0.2/24" "fd00:$cross::2/64"
        ip -n "${LAB}host$side" route add default via "10.$number.0.1"
        ip -n "${LAB}host$side" -6 route add default via "fd00:$number::1"
    done
    # A gateway has a default route, as one in the world has: towards the other one.
    ip -n "${LAB}gwA" route add default via 192.0.2.2
    ip -n "${LAB}gwA" -6 route add default via 2001:db8::2
    ip -n "${LAB}gwB" route add default via 192.0.2.1
    ip -n "${LAB}gwB" -6 route add default via 2001:db8::1
    forwarding_on gwA gwB
}

# offices_keys: SAs of both ends with fresh random keys, in $WORK/sas.conf.
# AES-GCM between the IPv4 addresses (SPI 0x1004, 0x2004), AES-CBC with SHA-256 and extended
# sequence numbers between the IPv6 ones (0x1006, 0x2006).
offices_keys() {
    cat > "$WORK/sas.conf" <<CONF
add 192.0.2.1 192.0.2.2 esp 0x1004 -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);
add 192.0.2.2 192.0.2.1 esp 0x2004 -m tunnel -r 64 -E aes-gcm-16 $(hex_key 20);
add 2001:db8::1 2001:db8::2 esp 0x1006 -m tunnel -r 256 -esn -E aes-cbc $(hex_key 32) -A hmac-sha2-256 $(hex_key 32);
add 2001:db8::2 2001:db8::1 esp 0x2006 -m tunnel -r 256 -esn -E aes-cbc $(hex_key 32) -A hmac-sha2-256 $(hex_key 32);
CONF
}

# policy_pair OURS THEIRS OUR-END THEIR-END [UPPER]: out and in (setkey adds fwd beside in).
policy_pair() {
    echo "spdadd $1 $2 ${5:-any} -P out ipsec esp/tunnel/$3-$4/require;"
    echo "spdadd $2 $1 ${5:-any} -P in ipsec esp/tunnel/$4-$3/require;"
}

# offices_load SIDE: SAs and the four policies of that side's gateway.
offices_load() {
    local us=1 them=2 us_x=11 them_x=22
    if [[ $1 == B ]]; then us=2 them=1 us_x=22 them_x=11; fi
    local ends4=("192.0.2.$us" "192.0.2.$them") ends6=("2001:db8::$us" "2001:db8::$them")
    {
        echo 'flush; spdflush;'
        cat "$WORK/sas.conf"
        policy_pair "10.$us.0.0/24" "10.$them.0.0/24" "${ends4[@]}"
        policy_pair "fd00:$us::/64" "fd00:$them::/64" "${ends6[@]}"
        policy_pair "10.$us_x.0.0/24" "10.$them_x.0.0/24" "${ends6[@]}"
        policy_pair "fd00:$us_x::/64" "fd00:$them_x::/64" "${ends4[@]}"
    } | load "gw$1"
}

# offices_open: all of it, with a cygnetd on both sides.
offices_open() {
    offices_up
    offices_keys
    gateway_start gwA
    gateway_start gwB
    offices_load A
    offices_load B
}

# sa_bytes GATEWAY SPI: "PACKETS BYTES" as setkey -D says.
sa_bytes() {
    sk "$1" -D | awk -v spi="($(printf '0x%08x' "$2"))" '
        / spi=/ {mine = index($0, spi)}
        mine && /current: [0-9]+\(bytes\)/ {sub(/\(.*/, "", $2); bytes = $2}
        mine && /allocated:/ {print $2, bytes}'
}
