#!/usr/bin/env bash
# setkey files as people wrote them. Our own samples always; with CYGNET_CORPUS (a folder with
# MANIFEST.tsv) the files collected from other projects too, each as its line says.
#
#   namespace gw: cygnetd
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin corpus
ns_add gw
gateway_start gw
samples=$(dirname "${BASH_SOURCE[0]}")/samples
corpus=${CYGNET_CORPUS:-}
[[ -n $corpus || ! -d $ROOT/../shared/setkey-corpus ]] || corpus=$ROOT/../shared/setkey-corpus

# run FOLDER: each file against its line of MANIFEST.tsv, by what is loaded and what is refused.
run() {
    on gw env CYGNET_SOCKET="$(socket_of gw)" "$PYTHON" "$LIB/setkey_corpus.py" "$BIN/setkey" "$1"
}
say "our own samples"
run "$samples"
if [[ -n $corpus ]]; then
    say "collected files"
    run "$corpus"
fi
gateway_stop gw
