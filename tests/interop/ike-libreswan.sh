#!/usr/bin/env bash
# IKEv2 with Debian's Libreswan, whose pluto drives a cygnetd of its own: both roles, suites and groups,
# new keys from both sides under traffic, ESP in UDP and a NAT on either side, IPv6, fragments, PPK,
# narrowing, what goes wrong (secret, identity, proposal), and a peer that is killed.
#
#   hostA --- gwA ============ mid ============ gwB --- hostB
#  10.1.0.2  192.0.2.1      .254  .254  198.51.100.2  10.2.0.2
#         2001:db8:1::1     ::fe  ::fe  2001:db8:2::2
#
#   ike-libreswan.sh [--all]     --all: every suite and group, in both roles, not a choice of them
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
# shellcheck source=tests/lib/libreswan.sh
source "$LIB/libreswan.sh"
# shellcheck source=tests/lib/iked.sh
source "$LIB/iked.sh"
all=${1:-}
lab_begin ike-libreswan
ns_add hostA gwA mid gwB hostB
veth hostA eth0 gwA lan
veth gwA wan mid inA
veth mid inB gwB wan
veth gwB lan hostB eth0
addr hostA eth0 10.1.0.2/24 fd00:1::2/64
addr gwA lan 10.1.0.1/24 fd00:1::1/64
addr gwA wan 192.0.2.1/24 2001:db8:1::1/64
addr mid inA 192.0.2.254/24 2001:db8:1::fe/64
addr mid inB 198.51.100.254/24 2001:db8:2::fe/64
addr gwB wan 198.51.100.2/24 2001:db8:2::2/64
addr gwB lan 10.2.0.1/24 fd00:2::1/64
addr hostB eth0 10.2.0.2/24 fd00:2::2/64
for way in hostA:10.1.0.1:fd00:1::1 hostB:10.2.0.1:fd00:2::1 gwA:192.0.2.254:2001:db8:1::fe gwB:198.51.100.254:2001:db8:2::fe; do
    IFS=: read -r name v4 v6 <<< "$way"
    ip -n "$LAB$name" route add default via "$v4"
    ip -n "$LAB$name" -6 route add default via "$v6"
done
forwarding_on gwA mid gwB

# One connection of both programs. The variables say what is special: ours is cygnet-iked's, theirs is
# pluto's.
defaults() {
    ours=aes256gcm16-prfsha384-ecp384 theirs=aes_gcm256-sha2_384-dh20 our_esp=aes256gcm16-ecp384 their_esp=aes_gcm256
    near=192.0.2.1 far=198.51.100.2 their_near=192.0.2.1 our_far=198.51.100.2
    our_nets='10.1.0.0/24|10.2.0.0/24' their_nets='10.1.0.0/24|10.2.0.0/24'
    id_near=gw.example.org id_far=moon.example.org far_claims='' fragment_size=1280
    secret=two-offices-and-a-secret-long-enough-for-SHA-512-and-more far_secret='' ppk='' far_ppk=''
    our_extra='' our_child='' their_extra=''
}
our_conf() {
    iked_conf gwA <<CONF
connections {
    site {
        local_addrs = $near
        remote_addrs = $our_far
        proposals = $ours
        $our_extra
        local { auth = psk
            id = $id_near
        }
        remote { auth = psk
            id = $id_far
        }
        children {
            net {
                local_ts = ${our_nets%|*}
                remote_ts = ${our_nets#*|}
                esp_proposals = $our_esp
                $our_child
            }
        }
    }
}
secrets {
    ike-site { secret = "$secret" }
    ppk-site { id = quantum
        secret = "another secret of more than twenty octets$ppk" }
}
cygnet { retransmit_timeout = 0.5
    retransmit_base = 1.2
    retransmit_tries = 5
    fragment_size = $fragment_size
}
CONF
}
their_conf() {
    cat <<CONF
config setup
    protostack=xfrm
conn net
    left=$far
    leftid=@${far_claims:-$id_far}
    leftsubnet=${their_nets#*|}
    right=$their_near
    rightid=@$id_near
    rightsubnet=${their_nets%|*}
    authby=secret
    ikev2=insist
    ike=$theirs
    esp=$their_esp
    auto=add
    keyingtries=1
    retransmit-timeout=3s
$(printf '    %s\n' $their_extra)
CONF
}
their_secrets() {
    cat <<CONF
@$id_near @${far_claims:-$id_far} : PSK "${far_secret:-$secret}"
@$id_near @${far_claims:-$id_far} : PPKS "quantum" "another secret of more than twenty octets$far_ppk"
CONF
}
both() {
    their_secrets | pluto_secrets gwB
    their_conf | pluto_load gwB net
    our_conf
    ike gwA load "$WORK/gwA.ike" > /dev/null
}
gone() { ike_is gwA length 0; }
# The end that brought it up takes it down: pluto would bring it up again if we did.
down() {
    case $began in
        cygnet) ike gwA down site > /dev/null ;;
        pluto) whack gwB --terminate --name net > /dev/null ;;
    esac
    wait_for 10 gone
}
# up_by WHO: initiates; the child is there then.
up_by() {
    began=$1
    case $1 in
        cygnet) ike gwA up site > "$WORK/up.log" 2>&1 || fail "cygnet up: $(cat "$WORK/up.log")" ;;
        pluto) whack gwB --initiate --name net > "$WORK/up.log" 2>&1 || fail "whack: $(tail -n 5 "$WORK/up.log")" ;;
    esac
    wait_for 10 ike_is gwA '.[0].children | length' 1
}
traffic() {
    if [[ $their_nets == *:* ]]; then
        reaches hostA fd00:2::2
        reaches hostB fd00:1::2
    else
        reaches hostA 10.2.0.2
        reaches hostB 10.1.0.2
    fi
}

defaults
gateway_start gwA
gateway_start gwB
our_conf
iked_start gwA
pluto_start gwB 198.51.100.2 192.0.2.1 < <(their_conf)


spi() { ike_field gwA '.[0].children[0].spi_out'; }
ike_spi() { ike_field gwA '.[0].spi_i'; }
changed() { [[ $(spi) != "$1" && $(spi) =~ ^[0-9a-f]{8}$ ]]; }
ike_changed() { [[ $(ike_spi) != "$1" && $(ike_spi) =~ ^[0-9a-f]{16}$ ]]; }
# Not before the last rekey's delete is over: a request that pluto 4.10 gets while its own CREATE_CHILD_SA is
# under way can confuse its message IDs (EXPECTATION FAILED in its log), and it answers nothing any more.
new_keys() { # WHO child|ike: and they are there
    local before
    wait_for 10 settled
    case $2 in child) before=$(spi) ;; ike) before=$(ike_spi) ;; esac
    case $1-$2 in
        cygnet-child) ike gwA rekey site/net > /dev/null ;;
        cygnet-ike) ike gwA rekey site > /dev/null ;;
        pluto-child) whack gwB --rekey-ipsec --name net --asynchronous ;;
        pluto-ike) whack gwB --rekey-ike --name net --asynchronous ;;
    esac
    case $2 in child) wait_for 10 changed "$before" ;; ike) wait_for 10 ike_changed "$before" ;; esac
}

# What was replaced is deleted: pluto does that a second later, and asks where it began to, past a change of the port.
settled() { [[ $(ike gwA status --json | jq '[.ike | length, (.[0].children | length)] | @text' -r) == '[1,1]' ]]; }

# What cygnet-iked calls it and what pluto does; the same for ESP. With a group pluto makes new keys with
# that of IKE, whatever its esp= says, so that is ours, too.
suites() {
    cat <<TABLE
aes256gcm16-prfsha384-ecp384 aes_gcm256-sha2_384-dh20 aes256gcm16-ecp384 aes_gcm256
aes128-sha256-modp2048 aes128-sha2_256-dh14 aes128-sha256-esn-modp2048 aes128-sha2_256
chacha20poly1305-prfsha512-curve25519 chacha20_poly1305-sha2_512-dh31 chacha20poly1305-curve25519 chacha20_poly1305
TABLE
    [[ $all == --all ]] || return 0
    local group suite
    for group in modp2048:dh14 modp3072:dh15 modp4096:dh16 ecp256:dh19 ecp521:dh21 curve25519:dh31; do
        echo "aes128gcm16-prfsha256-${group%:*} aes_gcm128-sha2_256-${group#*:} aes128gcm16-${group%:*} aes_gcm128"
    done
    for suite in aes192gcm16-prfsha512:aes_gcm192-sha2_512 aes192-sha384:aes192-sha2_384 aes256-sha512:aes256-sha2_512; do
        echo "${suite%:*}-ecp256 ${suite#*:}-dh19 aes128gcm16-ecp256 aes_gcm128"
    done
    for suite in aes192gcm16:aes_gcm192 aes128gcm12:aes_gcm_b128 aes256gcm8:aes_gcm_a256 aes128ccm16:aes_ccm128 aes192ccm12:aes_ccm_b192 aes256ccm8:aes_ccm_a256 \
        aes128gmac:aes_gmac128 null-sha256:null-sha2_256 aes192-sha384:aes192-sha2_384 aes256-sha512:aes256-sha2_512 aes128-sha1:aes128-sha1 \
        aes128ctr-sha256:aesctr128-sha2_256 aes128-aesxcbc:aes128-aes_xcbc aes128-aescmac:aes128-aes_cmac aes128gcm16-esn:aes_gcm128; do
        echo "aes128gcm16-prfsha256-ecp256 aes_gcm128-sha2_256-dh19 ${suite%:*}-ecp256 ${suite#*:}"
    done
}
say "suites and groups, with new keys of who began it"
roles=cygnet
while read -r ours theirs our_esp their_esp; do
    [[ $all != --all ]] || roles='cygnet pluto'
    both
    for role in $roles; do
        up_by "$role"
        traffic
        new_keys "$role" child
        traffic
        echo "ok: $role, $(ike_field gwA '.[0] | "\(.suite), ESP \(.children[0] | "\(.suite), ESN \(.esn), group \(.dh_group)")"')"
        assert_eq "$(ike_field gwA '.[0].suite')" "$(sed -E 's/-(sha([0-9]+))-/-\1-prfsha\2-/' <<< "$ours")" 'what IKE agreed on'
        assert_eq "$(ike_field gwA '.[0].children[0].esn')" "$([[ $our_esp == *-esn* ]] && echo true || echo false)" 'ESN'
        down
    done
    if [[ $roles == cygnet ]]; then roles=pluto; else roles=cygnet; fi
done < <(suites)

# pluto as responder sends with its new SA as soon as it has it, before its answer can have reached the
# initiator (RFC 7296 2.8 has it so): what it sends in between comes with an SPI that nobody has yet.
# Each packet that is lost must be one of those, and nothing else may be lost; a round trip takes a few
# milliseconds here, on a machine that is busy some ten.
say "new keys from both sides, under traffic: what is lost is what pluto sent too early"
defaults
both
up_by cygnet
traffic
early=0
for who in 'pluto child' 'cygnet ike' 'pluto ike' 'cygnet child'; do
    pings_start hostA 10.2.0.2
    # shellcheck disable=SC2086 # two words
    for _ in 1 2 3; do new_keys $who; done
    wait_for 10 settled
    pings_end
    [[ $who != 'cygnet child' ]] || early=$(verdict gwA NO_SA)
    echo "ok: $who: $PINGS_LOST lost, $early too early"
    assert_eq "$PINGS_LOST" "$early" "lost when new keys are made by $who"
    assert_eq "$(verdicts gwA | tr ' ' '\n' | grep -vE '^(NO_SA|IKE)=' || true)$(verdicts gwB | tr ' ' '\n' | grep -v '^IKE=' || true)" '' 'verdicts'
done
((early <= 30)) || fail "$early packets came too early with three rekeys"
down

both_ways() { # CHECK...: up by either, traffic, CHECK, down
    local role
    for role in cygnet pluto; do
        up_by $role
        traffic
        "$@"
        down
    done
}
udp_is() { assert_eq "$(ike_field gwA '.[0].children[0].udp')" "$1" 'ESP in UDP'; }
ppk_is() { assert_eq "$(ike_field gwA '.[0].ppk')" "$1" 'a PPK'; }
v6_outside() { near=2001:db8:1::1 their_near=2001:db8:1::1 far=2001:db8:2::2 our_far=2001:db8:2::2; }
v6_inside() { our_nets='fd00:1::/64|fd00:2::/64' their_nets=$our_nets; }

say "ESP in UDP; IPv6 inside and outside; PPK"
defaults
their_extra='encapsulation=yes'
both
both_ways udp_is true
defaults
v6_outside
v6_inside
both
both_ways udp_is false
defaults
our_extra=$'ppk_id = quantum\n ppk_required = yes' their_extra='ppk=insist'
both
both_ways ppk_is true
if [[ $all == --all ]]; then
    defaults
    our_extra='encap = yes'
    both
    both_ways udp_is true
    v6_outside
    both
    both_ways udp_is true
    defaults
    v6_outside
    both
    both_ways udp_is false
    defaults
    v6_inside
    both
    both_ways udp_is false
fi

say "fragments, in both roles: IKE_AUTH of either is cut, and understood"
defaults
long=$(printf 'a%.0s' {1..60}).$(printf 'b%.0s' {1..60}).$(printf 'c%.0s' {1..50})
id_near=$long.gw.example.org id_far=$long.moon.example.org fragment_size=576
our_extra='fragmentation = force' their_extra='fragmentation=force'
both
fragments_of() { # ADDRESS: how many datagrams that begin with a fragment (payload 53) came from there
    tshark -r "$WORK/fragments.pcap" -Y "ip.src == $1 && isakmp.exchangetype == 35 && isakmp.typepayload == 53" 2> /dev/null | wc -l
}
for role in cygnet pluto; do
    capture mid inA fragments.pcap udp port 500
    up_by $role
    traffic
    capture_end
    echo "ok: $role, fragments of ours $(fragments_of 192.0.2.1), of pluto's $(fragments_of 198.51.100.2)"
    case $role in
        cygnet) assert_ge "$(fragments_of 192.0.2.1)" 2 'fragments of ours' ;; # more, when sent again
        pluto) assert_ge "$(fragments_of 198.51.100.2)" 2 "fragments of pluto's" ;;
    esac
    down
done

say "narrowing: by pluto, by us"
ts() { ike_field gwA '.[0].children[0] | [.local_ts, .remote_ts] | @text'; }
defaults
their_nets='10.1.0.0/24|10.2.0.2/32' their_extra='narrowing=yes'
both
up_by cygnet
traffic
assert_eq "$(ts)" '[["10.1.0.0/24"],["10.2.0.2/32"]]' 'what pluto narrowed'
down
defaults
their_nets='10.1.0.0/16|10.2.0.0/16' their_extra='narrowing=yes'
both
up_by pluto
traffic
assert_eq "$(ts)" '[["10.1.0.0/24"],["10.2.0.0/24"]]' 'what we narrowed'
down
# pluto 4.10 has one pair of selectors in a child: of ours it takes the first.
defaults
our_nets='10.1.0.0/24, fd00:1::/64|10.2.0.0/24, fd00:2::/64' their_extra='narrowing=yes'
both
up_by cygnet
traffic
assert_eq "$(ts)" '[["10.1.0.0/24"],["10.2.0.0/24"]]' 'what pluto took of two pairs'
down

say "what goes wrong says why, in both roles"
began=cygnet
wrong() { # UP PLUTO LOG: what cygnet up says, what pluto says when it begins, what our log says then
    local before
    both
    if ike gwA up site > "$WORK/up.log" 2>&1; then fail "it came up"; fi
    assert_match "$(cat "$WORK/up.log")" "$1" 'what cygnet up said'
    echo "ok: $(grep 'failed' "$WORK/up.log" | cut -c -150)"
    ike gwA down site > /dev/null 2>&1 || true # where IKE came up, and the child did not
    wait_for 10 gone
    before=$(wc -l < "$WORK/iked-gwA.log")
    whack gwB --initiate --name net > "$WORK/up.log" 2>&1 || true
    assert_match "$(cat "$WORK/up.log")" "$2" 'what pluto said'
    assert_match "$(tail -n +$((before + 1)) "$WORK/iked-gwA.log")" "$3" 'what our log said'
    echo "ok: $(tail -n +$((before + 1)) "$WORK/iked-gwA.log" | grep -m 1 -E 'refused|failed' | cut -c -150)"
    whack gwB --terminate --name net > /dev/null
    wait_for 10 gone
}
defaults
far_secret=another-secret-which-is-long-enough-for-SHA-512-too-and-is-not-ours
wrong 'AUTHENTICATION_FAILED' 'AUTHENTICATION_FAILED' "pre-shared key is another one than ours"
defaults
far_claims=mars.example.org
wrong 'says it is mars.example.org' 'AUTHENTICATION_FAILED' 'no connection has these ids.*mars.example.org'
defaults
our_extra=$'ppk_id = quantum\n ppk_required = yes' their_extra='ppk=insist' far_ppk=!
wrong 'AUTHENTICATION_FAILED.*or PPKs differ' 'AUTHENTICATION_FAILED' "pre-shared key or PPK is another one than ours"
defaults
theirs=aes_gcm128-sha2_256-dh19
wrong 'none of our IKE proposals' 'NO_PROPOSAL_CHOSEN' 'theirs: aes128gcm16-prfsha256-ecp256'
defaults
their_esp=aes_gcm128
wrong 'none of our ESP proposals' 'NO_PROPOSAL_CHOSEN' 'theirs: aes128gcm16-esn-noesn'
defaults
their_nets='10.1.0.0/24|10.9.0.0/24'
wrong 'none of our selectors' 'TS_UNACCEPTABLE' 'theirs: 10.1.0.0/24 === 10.9.0.0/24'

nat() { # DEVICE PORT: who leaves by it is behind a NAT, port 4500 is that one, what was is forgotten
    on mid nft -f - <<NFT
table ip nat
delete table ip nat
table ip nat {
  chain out {
    type nat hook postrouting priority srcnat;
    oifname $1 udp sport 4500 masquerade to :$2
    oifname $1 masquerade
  }
}
NFT
    on mid "$PYTHON" "$LIB/conntrack_flush.py"
}
ends_are() { # LOCAL REMOTE NAT-HERE NAT-THERE
    ike_is gwA '.[0] | [.local, .remote, .nat_here, .nat_there] | @text' "[\"$1\",\"$2\",$3,$4]"
}
all_new_keys() {
    local who what kinds=child
    [[ $all != --all ]] || kinds='child ike'
    for who in cygnet pluto; do
        for what in $kinds; do
            new_keys $who $what
            traffic
        done
    done
    wait_for 10 settled # before the NAT is another one
}

say "a NAT between, we are behind it"
defaults
their_near=198.51.100.254
nat inB 20000
both
up_by cygnet
ends_are '192.0.2.1[4500]' '198.51.100.2[4500]' true false || fail "not what a NAT makes of it: $(ike_field gwA '.[0]')"
udp_is true
traffic
assert_match "$(ex gwB ip xfrm state)" 'encap type espinudp sport 20000 dport 4500' "the SAs of pluto"
all_new_keys
# pluto does not listen for MAPPING: its cygnetd follows by itself, and pluto when we speak to it next.
wait_for 10 settled
nat inB 30000
on hostA ping -q -n -c 10 -i 0.1 -W 1 10.2.0.2 > /dev/null || fail "nothing passes"
traffic
grep -q 'port 20000 appears as 198.51.100.254 port 30000' "$WORK/cygnetd-gwB.log" || fail "the mapping did not change"
all_new_keys
down

say "a NAT between, pluto is behind it; its mapping changes, and we follow"
defaults
our_far=%any
nat inA 20000
both
up_by pluto
ends_are '192.0.2.1[4500]' '192.0.2.254[20000]' false true || fail "not what a NAT makes of it: $(ike_field gwA '.[0]')"
udp_is true
traffic
all_new_keys
wait_for 10 settled
nat inA 30000
on hostB ping -q -n -c 10 -i 0.1 -W 1 10.1.0.2 > /dev/null || fail "nothing passes"
wait_for 10 ends_are '192.0.2.1[4500]' '192.0.2.254[30000]' false true
traffic
all_new_keys
down
on mid nft delete table ip nat
on mid "$PYTHON" "$LIB/conntrack_flush.py"

say "pluto is killed: missed, and back"
defaults
our_extra=$'dpd_delay = 1s\n keyingtries = 0' our_child=$'dpd_action = restart\n start_action = trap'
both
up_by cygnet
traffic
pluto_kill gwB
wait_for 15 gone
ike_logged gwA 'site: down: the peer no longer answers' || fail "the log does not say why"
pluto_run gwB
pluto_add gwB net
answers() { on hostA ping -q -n -c 1 -W 1 10.2.0.2; }
wait_for 20 answers
traffic
down

say "cygnet-iked is killed: pluto misses it, and is back"
defaults
our_child='start_action = none' their_extra='dpddelay=1s dpdtimeout=3s dpdaction=restart'
both
up_by pluto
traffic
iked_kill gwA
wait_for 20 pluto_said gwB 'liveness action - restarting'
iked_start gwA
wait_for 20 answers
traffic
began=pluto
down
iked_stop gwA
gateway_stop gwA
echo "Libreswan: all is as it should be"
