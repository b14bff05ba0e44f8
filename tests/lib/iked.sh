# shellcheck shell=bash
# cygnet-iked in the laboratory. Sourced after netns.sh.
#
#   iked_start gwA [OPTION..]   with the configuration in $WORK/gwA.ike (iked_conf), beside the
#                               namespace's cygnetd; --kernel among the options: without one
#   iked_stop gwA, iked_kill gwA
#   iked_conf gwA < FILE        writes it
#   site_conf LOCAL REMOTE ..   one connection, as cygnet-iked and strongSwan take it
#   ike gwA up NAME             its cygnet
declare -A IKED_PID=()

iked_socket_of() { echo "$WORK/run-$1/iked.sock"; }
iked_conf() { install -m 600 /dev/stdin "$WORK/$1.ike"; }

# site_conf LOCAL REMOTE ID PEER-ID LOCAL-TS REMOTE-TS [IKE [ESP [SECRET [CHILD-LINES [SITE-LINES [SECRETS]]]]]]: the
# connection "site" with its child "net". ike-refusals.sh knows the numbers of its lines.
site_conf() {
    cat << CONF
connections {
    site {
        version = 2
        local_addrs = $1
        remote_addrs = $2
        proposals = ${7:-aes256gcm16-prfsha384-ecp384}
        mobike = no
        local { auth = psk
            id = $3
        }
        remote { auth = psk
            id = $4
        }
        children {
            net {
                local_ts = $5
                remote_ts = $6
                esp_proposals = ${8:-aes256gcm16-ecp256}
                ${10:-}
            }
        }
        ${11:-}
    }
}
secrets {
    ike-site {
        secret = "${9:-a secret of more than twenty octets}"
    }
    ${12:-}
}
CONF
}

ike() {
    local name=$1
    shift
    on "$name" env CYGNET_SOCKET="$(socket_of "$name")" CYGNET_IKED_SOCKET="$(iked_socket_of "$name")" \
        "$BIN/cygnet" "$@"
}

iked_start() {
    local name=$1 where=(--socket "$(socket_of "$1")")
    shift
    [[ " $* " == *' --kernel '* ]] && where=()
    ip netns exec "$LAB$name" "$BIN/cygnet-iked" --config "$WORK/$name.ike" "${where[@]}" \
        --control "$(iked_socket_of "$name")" --state-dir "$(state_of "$name")" --log-level debug "$@" \
        >> "$WORK/iked-$name.log" 2>&1 &
    IKED_PID[$name]=$!
    BACKGROUND+=("$!")
    wait_for 10 iked_answers_or_died "$name"
    kill -0 "${IKED_PID[$name]}" 2> /dev/null || fail "cygnet-iked in $name did not start: $(tail -n 3 "$WORK/iked-$name.log")"
}

iked_answers_or_died() { ! kill -0 "${IKED_PID[$1]}" || ike "$1" status --json | jq -e .ike; }

iked_stop() {
    local status=0
    kill -TERM "${IKED_PID[$1]}"
    wait "${IKED_PID[$1]}" || status=$?
    ((status == 0)) || fail "cygnet-iked in $1 ended with status $status"
}

iked_kill() {
    kill -KILL "${IKED_PID[$1]}"
    wait "${IKED_PID[$1]}" 2> /dev/null || true
}

# ike_field NAME JQ: of the IKE SAs that are up.
ike_field() { ike "$1" status --json | jq -r "[.ike[] | select(.state == \"up\")] | $2"; }

# ike_is NAME JQ VALUE
ike_is() { [[ $(ike_field "$1" "$2") == "$3" ]]; }

# ike_logged NAME TEXT: in its log.
ike_logged() { grep -qF -- "$2" "$WORK/iked-$1.log"; }
