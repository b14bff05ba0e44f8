#!/usr/bin/env bash
# strongSwan, ip xfrm and setkey, all of them as Debian or you have them, on machines whose kernel's ESP
# is not used: cygnetd carries the tunnels, and all three manage them. Installs and builds what is missing
# (and says so); two offices of network namespaces, gone at the end.
#
#        office A                                                         office B
#  ┌──────────────────────┐                                       ┌──────────────────────┐
#  │ officeA  10.1.0.2    │                                       │ officeB  10.2.0.2    │
#  │          10.1.1.2    │                                       │          10.2.1.2    │
#  │             │        │                                       │             │        │
#  │ gwA: charon ┐        │  IKEv2 (UDP 500) between the charons  │ gwB: charon ┐        │
#  │      ip     ├ cygnetd│═══════════════════════════════════════│      ip     ├ cygnetd│
#  │      setkey ┘        │  ESP (protocol 50) of the cygnetds    │      setkey ┘        │
#  │         192.0.2.1    │                                       │         192.0.2.2    │
#  └──────────────────────┘                                       └──────────────────────┘
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/example.sh
source "$here/../../tests/lib/example.sh"
# shellcheck source=tests/lib/strongswan.sh
source "$LIB/strongswan.sh"

sed -n '/^# *office A/,/^# *└/s/^# \?//p' "${BASH_SOURCE[0]}"
example_prepare ike
lab_begin strongswan-example
swan_offices 0 1

# What it runs, and with which words; then runs it there.
show() {
    local name=$1
    shift
    echo "  $name# $*"
    case $1 in
        cygnet) cy "$name" "${@:2}" ;;
        setkey) sk "$name" "${@:2}" ;;
        swanctl) swan "$name" "${@:2}" ;;
    esac | sed 's/^/    /'
}
no_keys() { sed -E 's/0x[0-9a-f]{32,}/0x(hidden here)/'; }
spis_of_ip() { ex "$1" ip xfrm state | grep -oE 'spi 0x[0-9a-f]+' | sed 's/spi 0x//' | sort | tr '\n' ' '; }
spis_of_setkey() { sk "$1" -D | grep -oE 'spi=[0-9]+' | sed 's/spi=//' | xargs -r printf '%08x\n' | sort | tr '\n' ' '; }
spis_of_charon() { swan "$1" --list-sas | awk '$1 == "in" || $1 == "out" {print substr($2, 1, 8)}' | sort | tr '\n' ' '; }

say "a cygnetd and a charon in each gateway; charon is Debian's, run by 'cygnet exec'"
gateway_start gwA
gateway_start gwB
charon_start gwA
charon_start gwB
swan_load gwA < "$here/gw-a.swanctl.conf"
swan_load gwB < "$here/gw-b.swanctl.conf"
show gwA swanctl --initiate --child office | tail -n 2
on officeA ping -n -c 2 -i 0.2 -I 10.1.0.2 10.2.0.2 | grep 'bytes from'

say "the same SAs, whoever is asked"
show gwA swanctl --list-sas
show gwA cygnet exec ip xfrm state | no_keys
sk gwA -D > "$WORK/dump"
echo "  gwA# setkey -D"
grep -E '^192|esp mode' "$WORK/dump" | sed 's/^/    /'
assert_eq "$(spis_of_ip gwA)" "$(spis_of_charon gwA)" "SPIs of ip and of charon"
assert_eq "$(spis_of_setkey gwA)" "$(spis_of_charon gwA)" "SPIs of setkey and of charon"

say "a plain setkey file adds a second tunnel beside charon's"
sed -n '/^[^#]/s/^/    /p' "$here/second.setkey.conf" | no_keys
# One file for both ends: each gateway takes it for its own view by turning the policies round.
load gwA < "$here/second.setkey.conf"
sed -E 's/-P out/-P turned/; s/-P in/-P out/; s/-P turned/-P in/' "$here/second.setkey.conf" | load gwB
on officeA ping -n -c 2 -i 0.2 -I 10.1.1.2 10.2.1.2 | grep 'bytes from'
assert_eq "$(spis_of_ip gwA | wc -w)" 4 "SAs that ip sees"

say "ip xfrm gives the second tunnel new keys, without a packet lost"
ex gwA ip xfrm monitor > "$WORK/monitor.log" 2>&1 &
BACKGROUND+=("$!")
background officeA ping ping -q -n -i 0.02 -c 100 -I 10.1.1.2 10.2.1.2
pinger=$LAST_PID
key_ab=$(hex_key 20)
key_ba=$(hex_key 20)
from_a() { ex "$1" ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x3001 reqid 3 mode tunnel replay-window 64 aead 'rfc4106(gcm(aes))' "$key_ab" 128; }
from_b() { ex "$1" ip xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x3002 reqid 3 mode tunnel replay-window 64 aead 'rfc4106(gcm(aes))' "$key_ba" 128; }
# Who receives comes first: the newest SA is the one that is sent with.
from_a gwB
from_b gwA
from_a gwA
from_b gwB
sleep 0.5 # packets that are on their way under the old keys
for name in gwA gwB; do
    ex "$name" ip xfrm state delete src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x2001
    ex "$name" ip xfrm state delete src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x2002
done
wait "$pinger" || true
grep '100 packets transmitted, 100 received' "$WORK/ping.log" || fail "packets were lost: $(cat "$WORK/ping.log")"
echo "  gwA# cygnet exec ip xfrm monitor     # has seen it"
grep -E '^Deleted|spi' "$WORK/monitor.log" | head -n 4 | sed 's/^/    /'

say "charon renews its own, and takes them away; setkey's and ip's stay"
before=$(spis_of_charon gwA)
show gwA swanctl --rekey --child office
renewed() { [[ $(spis_of_charon gwA | wc -w) == 2 && $(spis_of_charon gwA) != "$before" ]]; }
wait_for 10 renewed
on officeA ping -n -c 2 -i 0.2 -I 10.1.0.2 10.2.0.2 | grep 'bytes from'
show gwA swanctl --terminate --ike site | tail -n 1
only_ours() { [[ $(spis_of_setkey gwA) == '00003001 00003002 ' ]]; }
wait_for 10 only_ours
show gwA cygnet status
on officeA ping -n -c 1 -I 10.1.1.2 10.2.1.2 | grep 'bytes from'
echo
echo "strongswan-without-kernel-esp: done; all of it passed, nothing is left behind"
