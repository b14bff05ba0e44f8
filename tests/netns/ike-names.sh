#!/usr/bin/env bash
# Names in remote_addrs: from the /etc/hosts of the namespace, from a name server, and one that nobody knows
# yet: it is asked for again, and its connection starts when it is known.
#
#   hostA --- gwA ===[ pub: the name server ]=== gwB --- hostB      (addresses: lib/offices.sh)
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/offices.sh
source "$LIB/offices.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
lab_begin ike-names
offices_up

# ip netns exec lays these over /etc.
etc=/etc/netns/${LAB}gwA
at_end rmdir --ignore-fail-on-non-empty /etc/netns
at_end rm -rf "$etc"
mkdir -p "$etc"
echo '192.0.2.2 hosts.example.org' > "$etc/hosts"
echo 'nameserver 192.0.2.9' > "$etc/resolv.conf"
echo '192.0.2.2 dns.example.org' > "$WORK/zone"
background pub names "$PYTHON" "$LIB/name_server.py" 192.0.2.9 "$WORK/zone"
wait_for 5 grep -q ready "$WORK/names.log"

# connection NAME REMOTE US THEM OURS THEIRS START
connection() {
    cat <<CONF
    $1 {
        remote_addrs = $2
        local { auth = psk
            id = $1-$3.example.org
        }
        remote { auth = psk
            id = $1-$4.example.org
        }
        children { net { local_ts = $5
            remote_ts = $6
            start_action = $7
        } }
    }
CONF
}
# What the three connections protect; late's name gives an IPv6 address.
table='hosts 10.1.0.0/24 10.2.0.0/24 none
dns fd00:1::/64 fd00:2::/64 start
late 10.11.0.0/24 10.22.0.0/24 start'
for side in A B; do
    {
        echo 'connections {'
        while read -r name a b start; do
            if [[ $side == A ]]; then
                connection "$name" "$name.example.org" 1 2 "$a" "$b" "$start"
            else
                connection "$name" %any 2 1 "$b" "$a" none
            fi
        done <<< "$table"
        echo '} secrets { ike { secret = "a secret of more than twenty octets" } }'
    } | iked_conf "gw$side"
    gateway_start "gw$side"
    iked_start "gw$side"
done
ends() { ike_field gwA ".[] | select(.connection == \"$1\") | [.local, .remote] | @text"; }

say "/etc/hosts"
ike gwA up hosts > /dev/null
assert_eq "$(ends hosts)" '["192.0.2.1[500]","192.0.2.2[500]"]' 'hosts'
reaches hostA 10.2.0.2

say "a name server"
wait_for 5 ike_is gwA 'map(select(.connection == "dns")) | length' 1
assert_eq "$(ends dns)" '["192.0.2.1[500]","192.0.2.2[500]"]' 'dns'
reaches hostA fd00:2::2
ike gwA down dns > /dev/null # to stay so

say "a name nobody knows: said once, asked again, and its connection starts by itself"
wait_for 5 ike_logged gwA 'late.example.org cannot be resolved'
refused ike gwA up late
assert_match "$SAID" 'late: late.example.org has no address yet'
echo '2001:db8::2 late.example.org' >> "$WORK/zone"
late_up() { [[ $(ends late) == '["2001:db8::1[500]","2001:db8::2[500]"]' ]]; }
wait_for 8 late_up
reaches hostA 10.22.0.2 -I 10.11.0.2
assert_eq "$(grep -c 'late.example.org cannot be resolved' "$WORK/iked-gwA.log")" 1 'times it was said'

say "what was taken down stays so when another name becomes known, and when the file is read again"
ike gwA load "$WORK/gwA.ike" > /dev/null
ike gwA up hosts/net > /dev/null # answered behind whatever else was begun
assert_eq "$(ike gwA status --json | jq -r '[.ike[] | select(.connection == "dns").state] | unique | @text')" '["down"]' 'what dns is'
ike gwA up dns > /dev/null
reaches hostA fd00:2::2
iked_stop gwA
