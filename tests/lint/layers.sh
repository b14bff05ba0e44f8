#!/usr/bin/env bash
# Folders are layers (docs/architecture.md): reads #include lines and says which break the rules.
#
#   packet <- esp <- sa-db <- {xfrm, ike-lite} <- gateway;  tools see xfrm and packet only
#   a folder is entered by its one public header
#   pure folders include no header of the system that does something
#
# With a build folder as argument it also asks the linker: what do the pure archives call? And what
# does the library for other people's programs (tools/shim/) need beside the C library, and show?
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-}

declare -A may=(
    [packet]=''
    [esp]='packet'
    [sa-db]='packet esp'
    [xfrm]='packet esp sa-db'
    [ike-lite]='packet esp sa-db'
    [gateway]='packet esp sa-db xfrm ike-lite'
    [tools]='packet xfrm'
)
declare -A public=(
    [packet]=packet.h [esp]=esp.h [sa-db]=sadb.h [xfrm]=xfrm.h [ike-lite]=ike.h
)
pure=' packet esp sa-db ike-lite '
# Headers whose only use is a system call, a clock, a log, another thread or a way out.
denied='unistd|fcntl|time|sys/time|sys/stat|sys/types|sys/mman|sys/ioctl|sys/epoll|sys/random|sys/syscall'
denied+='|sys/select|poll|signal|syslog|pthread|threads|dirent|netdb|net/if|err|locale|urcu.*|event2/.*|libmnl/.*'
# What a pure archive must not call, whatever it includes. (v)snprintf into a buffer is fine.
calls='f?printf|__f?printf_chk|puts|putchar|perror|fopen|fwrite|open|openat|read|write|close|socket|send.*|recv.*'
calls+='|ioctl|mmap|time|gettimeofday|clock_gettime|nanosleep|getrandom|rand|random|RAND_.*|exit|_exit|syslog|pthread_.*'

problems=0
problem() {
    echo "layers: $*" >&2
    problems=$((problems + 1))
}

check_include() { # FILE LINE FOLDER HEADER
    local file=$1 line=$2 folder=$3 header=$4 other
    other=${header%%/*}
    if [[ $header != */* || -z ${may[$other]+set} || $other == "$folder" ]]; then
        return
    fi
    if [[ " ${may[$folder]} " != *" $other "* ]]; then
        problem "$file:$line: $folder/ must not include $header"
    elif [[ $header != "$other/${public[$other]:-}" ]]; then
        problem "$file:$line: $other/ is entered by ${public[$other]:-no header}, not $header"
    fi
}

count=0
while IFS=: read -r file line include; do
    folder=${file%%/*}
    count=$((count + 1))
    if [[ $include =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\"([^\"]+)\" ]]; then
        check_include "$file" "$line" "$folder" "${BASH_REMATCH[1]}"
    elif [[ $include =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\<([^\>]+)\> ]]; then
        header=${BASH_REMATCH[1]}
        if [[ $pure == *" $folder "* && $header =~ ^($denied)\.h$ ]]; then
            problem "$file:$line: $folder/ is pure and must not include <$header>"
        fi
    fi
done < <(git ls-files -- "${!may[@]}" | grep -E '\.(c|h|l|y)$' |
    xargs grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null)
((count)) || problem "no #include line was found: is this a git checkout?"

if [[ -n $build ]]; then
    for archive in packet/libpacket.a esp/libesp.a sa-db/libsadb.a ike-lite/libike.a; do
        [[ -r $build/$archive ]] || { problem "no $build/$archive: build first"; continue; }
        # Sanitizers wrap every call: only plain archives can be read.
        called=$(nm -u "$build/$archive" | awk '$1 == "U" {print $2}' | sort -u)
        [[ $called == *__asan_* || $called == *__tsan_* ]] && continue
        while read -r name; do
            problem "${archive%%/*}/ is pure and must not call $name()"
        done < <(grep -xE "$calls" <<< "$called")
    done
fi

# It is loaded into programs of any kind: whatever it needs they get, whatever it shows they see.
check_shim() { # LIBRARY
    local name
    while read -r name; do
        problem "tools/shim/ needs the C library only, not $name"
    done < <(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(libc\.so\.6|ld-linux.*)$')
    while read -r name; do
        grep -rqF "SHIM_CALL(\"$name\")" tools/shim || problem "tools/shim/ shows $name(), which is no call it stands in front of"
    done < <(nm -D --defined-only "$1" | awk '$2 == "T" {print $3}')
}
if [[ -n $build ]]; then
    shim=$(find "$build" -name libcygnet-xfrm.so -path '*/cygnet/*' -print -quit)
    if [[ -n $shim ]]; then check_shim "$shim"; else problem "no libcygnet-xfrm.so in $build: build first"; fi
fi

((problems == 0)) || exit 1
echo "layers: $count includes keep to the layers"
