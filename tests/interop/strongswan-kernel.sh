#!/usr/bin/env bash
# charon on cygnetd against charon on a real Linux kernel's own ESP, both Debian's, both unchanged:
#
#   +-- namespace gw -----------------+          +-- Linux as a process (user-mode-linux) --+
#   | charon, cygnetd                 |          |  charon, the kernel's XFRM               |
#   | lan0 10.1.N.1   kp0 192.0.2.1 ==|== TAP ===|== wan 192.0.2.2         lan 10.2.N.2     |
#   +---------------------------------+          +------------------------------------------+
#
# Every suite both ways, rekeyed by either end under load without a packet lost, then in UDP. The
# kernel's own counters of what it dropped stay at zero.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"
peer=$ROOT/tests/kernel-peer/kernel-peer.sh
lab_begin strongswan-kernel
ns_add gw
stub gw lan0
addr gw lan0 10.1.0.1/24 10.1.1.1/24 10.1.2.1/24

say "boot the kernel, start both charons"
guest=$WORK/guest
at_end "$peer" stop "$guest"
"$peer" start "$guest" --netns "${LAB}gw" --protected 10.2.0.2/24 --protected 10.2.1.2/24 --protected 10.2.2.2/24
far() { "$peer" exec "$guest" "$@"; }
SUITES=(aes256gcm16 aes256-sha256-esn chacha20poly1305)
configure() { # SETTINGS
    local n own=() other=()
    for n in 0 1 2; do
        own+=("net$n 10.1.$n.0/24 10.2.$n.0/24 esp_proposals=${SUITES[n]}")
        other+=("net$n 10.2.$n.0/24 10.1.$n.0/24 esp_proposals=${SUITES[n]}")
    done
    swan_connection 192.0.2.1 192.0.2.2 "$1" "${own[@]}" > "$WORK/gw.conf"
    {
        echo "cat > /run/swanctl.conf <<'SWANCTL'"
        swan_connection 192.0.2.2 192.0.2.1 "$1" "${other[@]}"
        echo SWANCTL
    } | far
}
in_guest() { far env STRONGSWAN_CONF=/run/swan/strongswan.conf SWANCTL_DIR=/run/swan swanctl "$@"; }
configure ''
far "$ROOT/tests/kernel-peer/strongswan-guest.sh" /run/swanctl.conf > "$WORK/guest-charon.log" 2>&1 || fail "charon in the guest: $(cat "$WORK/guest-charon.log")"
gateway_start gw
charon_start gw
swan_load gw < "$WORK/gw.conf"

both_ways() { # N
    reaches gw "10.2.$1.2" -I "10.1.$1.1"
    far ping -q -c 1 -W 2 -I "10.2.$1.2" "10.1.$1.1" > /dev/null || fail "no ping from the guest through net$1"
}
for n in 0 1 2; do
    say "${SUITES[n]}"
    swan gw --initiate --child "net$n" > "$WORK/initiate.log" || fail "net$n did not come up: $(tail -n 5 "$WORK/initiate.log")"
    both_ways $n
    assert_eq "$(swan_packets gw "net$n" in) $(swan_packets gw "net$n" out)" '2 2' "packets in and out of net$n"
done

say "rekeyed by either end, under load"
background gw ping ping -q -n -i 0.01 -c 150 -I 10.1.0.1 10.2.0.2
pinger=$LAST_PID
swan gw --rekey --child net0 > /dev/null
sleep 0.5 # a rekeying that begins while another one ends is refused
in_guest --rekey --child net0 > /dev/null
wait "$pinger" || true
grep -q '150 packets transmitted, 150 received' "$WORK/ping.log" || fail "packets were lost: $(cat "$WORK/ping.log")"
assert_ge "$(grep -c 'CHILD_SA net0{[0-9]*} established' "$WORK/charon-gw.log")" 3 "CHILD_SAs of net0"

say "in UDP"
swan gw --terminate --ike site > /dev/null
configure encap=yes
far sh -c 'cp /run/swanctl.conf /run/swan/swanctl.conf'
in_guest --load-all > /dev/null
swan_load gw < "$WORK/gw.conf"
swan gw --initiate --child net0 > "$WORK/initiate.log" || fail "net0 did not come up in UDP: $(tail -n 5 "$WORK/initiate.log")"
assert_match "$(far ip xfrm state)" 'encap type espinudp sport 4500 dport 4500' "the kernel's SAs"
both_ways 0
assert_eq "$("$peer" stat "$guest")" '' "what the kernel has dropped"
echo "charon on cygnetd and charon on a kernel: all is as it should be"
