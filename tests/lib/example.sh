# shellcheck shell=bash
# What the examples share: install, build, and what can be read on the wire. Sources netns.sh.
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/netns.sh"

# example_prepare [KIND..]: packages, of these kinds beside the usual, the system user, the three programs
# in build/; says each.
example_prepare() {
    [[ $(id -u) == 0 ]] || fail "needs root: it makes network namespaces"
    say "install what is missing"
    "$ROOT/tests/install-packages.sh" build run example "$@"
    say "build in build/"
    if [[ ! -e $BUILD/CMakeCache.txt ]]; then
        cmake -S "$ROOT" -B "$BUILD" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCYGNET_TESTS=OFF \
            > "$ROOT/build-example.log" 2>&1 || { cat "$ROOT/build-example.log"; exit 1; }
    fi
    cmake --build "$BUILD" -j "$(nproc)" --target cygnetd setkey cygnet > "$ROOT/build-example.log" 2>&1 ||
        { tail -n 40 "$ROOT/build-example.log"; exit 1; }
    rm -f "$ROOT/build-example.log"
    ls -1 "$BIN"/{cygnetd,setkey,cygnet}
}

# web_server NAME FOLDER ADDRESS..: port 80 on each address
web_server() {
    local name=$1 folder=$2 address
    shift 2
    for address; do
        background "$name" "web-${address//:/-}" "$PYTHON" "$LIB/web_server.py" "$folder" "$address"
        wait_for 5 on "$name" curl -sf -o /dev/null "http://$(bracket "$address")/"
    done
}

bracket() { if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi; }

# same_file NAME URL FILE: fetches it, compares the hashes, prints both and the speed.
same_file() {
    local here there start=${EPOCHREALTIME/./} took
    here=$(sha256sum < "$3" | cut -c1-64)
    there=$(on "$1" curl -sSf "$2" | sha256sum | cut -c1-64)
    took=$(((${EPOCHREALTIME/./} - start) / 1000))
    echo "  sent     $here"
    echo "  received $there   in $took ms"
    assert_eq "$there" "$here" "hash of $2"
}

# what_an_eavesdropper_reads CAPTURE SETKEY-FILE TEXT...: what tshark prints of the capture, and
# the proof that what is inside is not in it.
what_an_eavesdropper_reads() {
    local file=$1 keys=$2
    shift 2
    say "what an eavesdropper on the wire reads: outer addresses, ESP, SPI, sequence number"
    tshark -n -r "$file" -Y esp -T fields -E separator=' ' -e _ws.col.Source -e _ws.col.Destination \
        -e _ws.col.Protocol -e frame.len -e esp.spi -e esp.sequence 2> /dev/null |
        awk '{printf "  %s > %s  %s, %s bytes, SPI %s, seq %s\n", $1, $2, $3, $4, $5, $6} NR == 8 {exit}'
    say "and what is not in the capture"
    "$PYTHON" "$LIB/esp_witness.py" eavesdrop "$file" "$keys" "$@"
}

# what_the_keys_open CAPTURE SETKEY-FILE GATEWAY: the same capture, by two programs that are not ours.
what_the_keys_open() {
    say "the same capture with the keys of $3: tshark decrypts"
    cy "$3" keys --wireshark "$WORK/keys" > /dev/null
    WIRESHARK_CONFIG_DIR=$WORK/keys tshark -n -r "$1" -o esp.enable_encryption_decode:TRUE \
        -Y 'esp and (icmp or icmpv6 or http)' 2> /dev/null > "$WORK/decrypted.txt"
    head -n 8 "$WORK/decrypted.txt"
    grep -q 'GET / HTTP' "$WORK/decrypted.txt" || fail "tshark shows no web request"
    say "and python3-cryptography, which also checks every integrity tag"
    "$PYTHON" "$LIB/esp_witness.py" open "$1" "$2"
}
