# shellcheck shell=bash
# Debian's charon in the guest kernel of tests/kernel-peer, with that kernel's XFRM. Sourced after netns.sh, by
# a script whose $peer is kernel-peer.sh and whose $guest is the guest's folder.
#
#   in_guest COMMAND...         there
#   guest_charon [NAME] < FILE  gives it a swanctl.conf, and starts it unless it runs; NAME: the IKE SAs that end first
#   guest_swan ARGS             its swanctl
#   guest_modules [--all]       the kernel has the modules for ESP, which takes seconds; else a peer waits for that

# shellcheck disable=SC2154 # the script's
in_guest() { "$peer" exec "$guest" "$@"; }

# With its own configuration: by default it loads all plugins there are, and looks for dozens of the kernel's modules.
guest_swan() { in_guest env STRONGSWAN_CONF=/run/swan/strongswan.conf SWANCTL_DIR=/run/swan swanctl "$@"; }

# The guest sees this machine's root, but for /tmp and /run: a script is carried over as text.
guest_charon() {
    {
        echo "cat > /run/guest.sh <<'SCRIPT'"
        cat "$ROOT/tests/kernel-peer/charon-guest.sh"
        echo SCRIPT
        echo "sh /run/guest.sh $* <<'CONF'"
        cat
        echo CONF
    } | in_guest > "$WORK/guest-load.log" 2>&1 || fail "charon in the guest did not take it: $(cat "$WORK/guest-load.log")"
}

guest_modules() {
    local algorithm spi=4096
    local -a algorithms=("aead rfc4106(gcm(aes)) $(hex_key 36) 128" "aead rfc7539esp(chacha20,poly1305) $(hex_key 36) 128"
        "enc cbc(aes) $(hex_key 32) auth-trunc hmac(sha256) $(hex_key 32) 128")
    [[ ${1:-} != --all ]] || algorithms+=("aead rfc4309(ccm(aes)) $(hex_key 19) 128" "aead rfc4543(gcm(aes)) $(hex_key 20) 128"
        "enc cbc(aes) $(hex_key 32) auth-trunc hmac(sha512) $(hex_key 64) 256"
        "enc ecb(cipher_null) \"\" auth-trunc hmac(sha384) $(hex_key 48) 192")
    {
        echo "ip -batch - <<'LINES'"
        for algorithm in "${algorithms[@]}"; do
            echo "xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi $((spi++)) mode tunnel $algorithm"
        done
        echo 'xfrm state flush'
        echo LINES
    } | in_guest > "$WORK/modules.log" 2>&1 || fail "the kernel's algorithms: $(cat "$WORK/modules.log")"
}

guest_charon_log() { in_guest cat /run/swan/charon.log; }
# shellcheck disable=SC2154 # lab_end's
show_guest_charon() { if ((status != 0)); then guest_charon_log | tail -n 40; fi; }
