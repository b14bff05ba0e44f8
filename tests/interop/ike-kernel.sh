#!/usr/bin/env bash
# cygnet-iked --kernel fills a real kernel's XFRM; at the other end cygnet-iked fills cygnetd's. Raw
# protocol 50 and ESP in UDP, new keys from both sides under traffic, a trap of the kernel's, and what is
# left at the end: nothing.
#
#   +-- namespace gw --------------------+          +-- Linux as a process (user-mode-linux) --+
#   | lan0 10.1.0.1   cygnetd            |          |  cygnet-iked --kernel, its XFRM          |
#   |                 cygnet-iked   kp0 =|== TAP ===|== wan 192.0.2.2     lan 10.2.0.2        |
#   +------------------------------------+          +------------------------------------------+
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh
lab_begin ike-kernel
ns_add gw
stub gw lan0
addr gw lan0 10.1.0.1/24 fd00:1::1/64

say "boot the kernel"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw" --near 192.0.2.1/24 --near 2001:db8::1/64 \
    --far 192.0.2.2/24 --far 2001:db8::2/64 --protected 10.2.0.2/32 --protected fd00:2::2/128
"$peer" exec "$guest" ip route add default via 192.0.2.1
"$peer" exec "$guest" ip -6 route add default via 2001:db8::1
ip -n "${LAB}gw" route add 10.2.0.0/24 via 192.0.2.2
ip -n "${LAB}gw" -6 route add fd00:2::/64 via 2001:db8::2

conf() { # US THEM START EXTRA
    cat <<CONF
connections {
    site {
        local_addrs = 192.0.2.$1
        remote_addrs = 192.0.2.$2
        $4
        local { auth = psk }
        remote { auth = psk }
        children {
            net {
                local_ts = 10.$1.0.0/24, fd00:$1::/64
                remote_ts = 10.$2.0.0/24, fd00:$2::/64
                esp_proposals = aes256gcm16-esn-ecp256, aes256gcm16-ecp256
                start_action = $3
            }
        }
    }
}
secrets { ike { secret = "a secret of more than twenty octets" } }
CONF
}
in_guest() { "$peer" exec "$guest" "$@"; }
ike_guest() { in_guest env CYGNET_IKED_SOCKET=/run/iked/sock "$BIN/cygnet" "$@"; }
guest_file() { # starts, or loads what comes on standard input
    {
        echo 'mkdir -p /run/iked; cat > /run/iked/conf <<CONF'
        cat
        echo CONF
        echo "$1"
    } | "$peer" exec "$guest"
}
show_guest() { if ((status != 0)); then in_guest cat /run/iked/log; in_guest ip xfrm policy; fi; }
at_end show_guest
conf 1 2 none '' | iked_conf gw
gateway_start gw
iked_start gw
conf 2 1 none '' | guest_file "exec $BIN/cygnet-iked --kernel --config /run/iked/conf --control /run/iked/sock --state-dir /run/iked/state --log-level debug > /run/iked/log 2>&1 &"
wait_for 20 ike_guest status

traffic() {
    on gw ping -q -n -c 2 -i 0.05 -W 2 -I 10.1.0.1 10.2.0.2 > /dev/null || fail "no IPv4 through it"
    on gw ping -q -n -c 2 -i 0.05 -W 2 -I fd00:1::1 fd00:2::2 > /dev/null || fail "no IPv6 through it"
    in_guest ping -q -n -c 1 -W 2 -I 10.2.0.2 10.1.0.1 > /dev/null || fail "nothing from the kernel's side"
}
ready() { ike_guest status > "$WORK/status.txt"; }

say "up from the kernel's side; what the kernel says it has"
ike_guest up site
traffic
in_guest ip xfrm state > "$WORK/state.txt"
assert_match "$(cat "$WORK/state.txt")" 'rfc4106\(gcm\(aes\)\).* 128'
assert_match "$(cat "$WORK/state.txt")" 'flag af-unspec esn'
assert_eq "$(in_guest ip xfrm policy | grep -c 'dir ')" 6 'policies in the kernel, beside those of sockets'
ready
assert_match "$(cat "$WORK/status.txt")" 'net: up, .*10.2.0.0/24.* === 10.1.0.0/24'

say "new keys from both sides, under traffic: no packet is lost"
spi() { ike_field gw '.[0].children[0].spi_out'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }
pings_start gw 10.2.0.2 -I 10.1.0.1
before=$(spi)
ike gw rekey site/net
wait_for 10 changed "$before"
before=$(spi)
ike_guest rekey site/net
wait_for 10 changed "$before"
ike_guest rekey site
pings_end
assert_eq "$PINGS_LOST" 0 'pings lost'
ike gw down site

say "ESP in UDP through port 4500, which the kernel's side holds itself; a trap brings it up"
conf 2 1 trap 'encap = yes' | guest_file "CYGNET_IKED_SOCKET=/run/iked/sock $BIN/cygnet load /run/iked/conf"
conf 1 2 none 'encap = yes' | iked_conf gw
ike gw load "$WORK/gw.ike"
in_guest ping -q -n -c 20 -i 0.1 -W 1 -I 10.2.0.2 10.1.0.1 > /dev/null || fail "the kernel's ACQUIRE did not bring it up"
traffic
assert_eq "$(ike_field gw '.[0].children[0].udp')" true 'in UDP'

say "an orderly end leaves nothing in the kernel"
# shellcheck disable=SC2016 # the guest's shell is meant
echo 'for p in /proc/[0-9]*; do case $(readlink $p/exe) in */cygnet-iked) kill -TERM ${p#/proc/} ;; esac; done' | "$peer" exec "$guest"
gone() { ike_is gw length 0; }
wait_for 10 gone
empty() { [[ -z $(in_guest ip xfrm state)$(in_guest ip xfrm policy) ]]; }
wait_for 10 empty
iked_stop gw
gateway_stop gw
