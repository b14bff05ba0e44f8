#!/usr/bin/env bash
# setkey and a cygnetd that lives: names with several addresses, names of services, statements that
# come one by one, and events as they happen.
#
#   namespace gw: cygnetd, with names of its own
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin setkey
ns_add gw
gateway_start gw
gcm='-E aes-gcm-16 "12345678901234567890"'
cat > "$WORK/hosts" <<'HOSTS'
192.0.2.1 here one
192.0.2.2 here
2001:db8::1 here
198.51.100.1 there
2001:db8::9 there
2001:db8::5 six
HOSTS
# named ARGS: setkey with these names only.
# shellcheck disable=SC2016 # the inner shell's words
named() {
    on gw env CYGNET_SOCKET="$(socket_of gw)" unshare --mount sh -ec \
        'mount --bind "$1" /etc/hosts; shift; exec "$@"' sh "$WORK/hosts" "$BIN/setkey" "$@"
}
ends() { sk gw -D | grep -E '^[0-9a-f]' | sort | xargs; }

say "a name with several addresses stands for every pair of one family"
echo "add there here esp 0x1000 $gcm;" | named -f -
assert_eq "$(ends)" '198.51.100.1 192.0.2.1 198.51.100.1 192.0.2.2 2001:db8::9 2001:db8::1' 'SAs'
assert_eq "$(echo 'get there here esp 0x1000;' | named -f - | grep -c 'spi=4096')" 3 'SAs that get shows'
for statement in 'delete there here esp 0x1000;' 'getspi there here esp 0;' 'spdadd there here any -P out none;'; do
    refused named -e "$statement"
    assert_match "$SAID" 'multiple address specified at `(there|here)'"'"
done
refused named -e 'spdadd -4 here there any -P out none;'
named -e 'spdadd -6 here there any -P out none; spdadd -4 one there any -P out none;'
assert_eq "$(sk gw -DP | grep any)" '2001:db8::1[any] 2001:db8::9[any] any
192.0.2.1[any] 198.51.100.1[any] any' 'policies'
refused named -e 'add -4 six one esp 0x1001 -E aes-gcm-16 "12345678901234567890";'
refused named -e 'add six one esp 0x1001 -E aes-gcm-16 "12345678901234567890";'
assert_match "$SAID" 'Family mismatch'
named -e 'deleteall -6 there here esp;'
assert_eq "$(ends)" '198.51.100.1 192.0.2.1 198.51.100.1 192.0.2.2' 'SAs after deleteall -6'
named -e 'deleteall there here esp; spdflush;'
assert_eq "$(ends)" '' 'SAs after deleteall'

say "names of services and protocols"
sk gw -e 'spdadd 10.0.0.1[ssh] 10.0.0.2[domain] tcp -P out none; spdadd 10.0.0.1 10.0.0.2 ospf -P out none;'
assert_eq "$(sk gw -DP | grep '^10')" '10.0.0.1[22] 10.0.0.2[53] tcp
10.0.0.1[any] 10.0.0.2[any] ospf' 'policies'
refused sk gw -e 'spdadd 10.0.0.1[no-such-service] 10.0.0.2 tcp -P out none;'

say "-c: each statement is done, and answered, when its semicolon has come"
mkfifo "$WORK/statements"
sk gw -c < "$WORK/statements" > "$WORK/answers" &
BACKGROUND+=($!)
exec 7> "$WORK/statements"
echo "flush; add 192.0.2.1 192.0.2.2 esp 0x2000 $gcm; dump;" >&7
wait_for 5 grep -q 'spi=8192' "$WORK/answers"
echo 'floosh; get 192.0.2.1 192.0.2.2 esp 0x2000; exit;' >&7
wait_for 5 eval "(( \$(grep -c spi=8192 '$WORK/answers') == 2 ))"
exec 7>&-

say "-x: what others do, and what time does"
sk gw -x > "$WORK/events" &
BACKGROUND+=($!)
listener=$!
# Until it listens nothing is shown of what is done.
listens() { sk gw -e "spdupdate ::1 ::2 any -P out none; spdflush;"; grep -q 'type=flushpolicy' "$WORK/events"; }
wait_for 5 listens
sk gw -f - <<CONF
add 192.0.2.1 192.0.2.2 esp 0x3000 -ls 1 -lh 2 $gcm;
add 192.0.2.1 192.0.2.2 esp 0x3001 $gcm;
update 192.0.2.1 192.0.2.2 esp 0x3001 -lh 500 $gcm;
delete 192.0.2.1 192.0.2.2 esp 0x3001;
spdadd 10.0.0.1 10.0.0.3 any -P in ipsec esp/tunnel/192.0.2.2-192.0.2.1/require;
spddelete 10.0.0.1 10.0.0.3 any -P in;
CONF
wait_for 8 grep -q 'xfrm_expire{ hard=1 }' "$WORK/events"
events=$(sed -nE 's/.*type=([a-z]+).*/\1/p' "$WORK/events" | sed -n '/newsa/,$p' | xargs)
assert_eq "$events" 'newsa newsa updsa delsa newpolicy newpolicy delpolicy delpolicy expire expire' 'events'
grep -q 'xfrm_expire{ hard=0 }' "$WORK/events" || fail "no soft limit"
grep -Eq '^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} $' "$WORK/events" || fail "no time of day"
gateway_stop gw
wait_for 5 eval "! kill -0 $listener"
grep -q 'cygnetd closed the connection' "$WORK/events" || fail "the end was not told"
refused sk gw -D
assert_match "$SAID" '^setkey: pfkey_open: '
