#!/usr/bin/env bash
# setkey files as people wrote them. Our own samples always; the files collected from other projects too,
# each as its line of MANIFEST.tsv says, where they are: in the folder CYGNET_CORPUS names, or in
# ../shared/setkey-corpus beside the tree. They are others' and not part of it, and a run without them
# says so.
#
#   namespace gw: cygnetd
# shellcheck source=tests/lib/netns.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib/netns.sh"
lab_begin corpus
ns_add gw
gateway_start gw
samples=$(dirname "${BASH_SOURCE[0]}")/samples
corpus=${CYGNET_CORPUS:-$ROOT/../shared/setkey-corpus}
[[ -z ${CYGNET_CORPUS:-} || -f $corpus/MANIFEST.tsv ]] || fail "CYGNET_CORPUS: no $corpus/MANIFEST.tsv"

# run FOLDER: each file against its line of MANIFEST.tsv, by what is loaded and what is refused.
run() {
    on gw env CYGNET_SOCKET="$(socket_of gw)" "$PYTHON" "$LIB/setkey_corpus.py" "$BIN/setkey" "$1"
}
say "our own samples"
run "$samples"
if [[ -f $corpus/MANIFEST.tsv ]]; then
    say "collected files"
    run "$corpus"
else
    say "collected files: NOT TRIED, there is no ../shared/setkey-corpus and CYGNET_CORPUS names none; our own samples alone"
fi
gateway_stop gw
