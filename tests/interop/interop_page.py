#!/usr/bin/env python3
"""Writes docs/interop.md from the tables that the tests of this folder loop over.

    interop_page.py > docs/interop.md       after a change of a test
    interop_page.py --check                 lint_interop: is the page what the tests do?
"""
import itertools
import os
import re
import sys

import matrix_cases as cases

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import outer_cases as outer  # noqa: E402

PAGE = os.path.join(HERE, "..", "..", "docs", "interop.md")


def source(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def loop_of(script, variable):
    """The words a script's for loop goes through."""
    words = re.search(rf"for {variable} in ((?:'[^']*'|[^;\s])(?:[^;])*); do", source(script))[1]
    return re.findall(r"'([^']*)'|(\S+)", words)


def words(script, variable):
    return [quoted or plain for quoted, plain in loop_of(script, variable)]


def title(suite):
    """A suite without the length of its key: "AES-CBC, HMAC-SHA256"."""
    cipher, mac = suite
    name = re.sub(r"-(128|192|256)", "", cipher[0]).upper()
    return name + (f", {cipher_name(mac)}" if mac else "")


def cipher_name(mac):
    names = {"xcbc": "AES-XCBC", "cmac": "AES-CMAC", "sha1": "HMAC-SHA1"}
    return f"{names.get(mac[0]) or 'HMAC-SHA2-' + mac[0][3:]}-{mac[4]}"


def key_bits(suite):
    found = re.search(r"-(128|192|256)", suite[0][0])
    return found[1] if found else {"null": "none"}.get(suite[0][0], "256")


def row(name, suites):
    cells = []
    for esn in (False, True):
        mixes = {(inner, outer) for suite, e, inner, outer, _ in cases.CASES if suite in suites and e == esn}
        cells.append("all four" if mixes == set(itertools.product((4, 6), (4, 6))) else f"{len(mixes)} of four")
    mtus = [str(cases.inner_mtu(suites[0], outer, udp)) for udp in (False, True) for outer in (4, 6)]
    return f"| {name} | {', '.join(key_bits(suite) for suite in suites)} | {' | '.join(cells + mtus)} |"


def matrix():
    groups = {}
    for suite in cases.SUITES:
        groups.setdefault(title(suite), []).append(suite)
    return "\n".join(row(name, suites) for name, suites in groups.items())


def udp():
    suites = {"gcm": "AES-128-GCM-16, 32-bit", "cbc-esn": "AES-256-CBC with HMAC-SHA2-256-128, ESN"}
    names = " and ".join(suites[word] for word in words("kernel-udp.sh", "suite"))
    ports = " and ".join(f"{a} to {b}" for a, b in (pair.split() for pair in words("kernel-udp.sh", "ports")))
    families = " and ".join(f"IPv{word}" for word in words("kernel-udp.sh", "family"))
    return f"{names}, each over {families}, ports {ports}"


def paths():
    netem = re.findall(r"^path (.*)$", source("kernel-netem.sh"), re.M)
    return "\n".join(f"- `netem {words}`" for words in netem)


def text():
    small, below = cases.SIZES
    every, _ = cases.ALL_SIZES
    return f"""# With a Linux kernel at the far end

<!-- Written by tests/interop/interop_page.py from the tables the tests loop over; lint_interop compares. -->

What runs in every CI run, but where a heading says `run-all.sh`, between cygnetd and the IPsec of a real Linux kernel (Debian's user-mode-linux, a
process: `tests/kernel-peer/`). The run fails unless each case passes, so this is what works.

## Raw ESP and ESP in UDP: `interop_kernel`

{len(cases.CASES)} cases of raw ESP: {len(cases.SUITES)} suites, each with 32-bit and extended sequence numbers; one of them with one family
inside and outside, the other with two, so that two neighbouring suites have all four mixes of IPv4 and IPv6. {len(cases.UDP_CASES)} cases of ESP in UDP: each suite once, with one of
the {len(cases.MIXES)} combinations in turn. (`kernel.sh --all`, in `tests/run-all.sh`: all {len(cases.ALL_CASES)} and all {len(cases.ALL_UDP_CASES)}.) A case has fresh random keys and

- pings both ways, DF set, every byte compared: payloads of {', '.join(map(str, small))} bytes, and {', '.join(map(str, below))} bytes below the
  inner MTU's (`--all`: each of 0 to {every[-1]}, at both ends);
- the inner MTU that a sender is told: ours equals the kernel's equals the RFCs' arithmetic, on a wire of 1500;
- packets of a third maker (`tests/lib/esp_witness.py`) into both ends: a good one, the same again, one from before
  the window, a damaged one; the kernel's `xfrm_stat` and our verdicts move by the same, and by nothing else.

32-bit and ESN: which mixes of families raw ESP is tried with.

| suite | key bits | 32-bit | ESN | inner MTU, IPv4 outside | IPv6 outside | UDP over IPv4 | UDP over IPv6 |
|---|---|---|---|---|---|---|---|
{matrix()}

The kernel has no suites with implicit IV (RFC 8750); `tests/vectors/` has those from other software.

## TCP and other ports over ESP in UDP: `interop_kernel_udp`

{udp()}:
pings around padding and MTU both ways, TCP both ways with equal hashes, counters of both ends unmoved. Where only
one end encapsulates both drop, and count it alike.

## A bad path: `interop_kernel_netem`

TCP both ways with equal hashes through the guest's own netem, between cygnetd and a kernel behind it. Every ESP packet
that came is in one of three counters, carried, duplicate or too old; a window of 1024 loses nothing but duplicates.

{paths()}

## Outer headers: `interop_kernel_outer`

The same inner packets through both gateways and the same sealed packets into both, for each of {len(outer.OPTIONS)} sets of SA flags
({', '.join(f"`{option[0]}`" for option in outer.OPTIONS)}) with one of the {len(outer.MIXES)} mixes of families in turn (`kernel.sh --outer`, in
`tests/run-all.sh`: all {len(outer.ALL)}): TOS, DF, hop limit and flow label outwards, TOS inwards. Equal, but for the differences that
[decision 8](decisions/0008-outer-header-and-fragments.md) lists and the test counts.
"""


def main():
    if sys.argv[1:] != ["--check"]:
        sys.stdout.write(text())
        return
    with open(PAGE, encoding="utf-8") as file:
        if file.read() != text():
            sys.exit("docs/interop.md is not what the tests do: tests/interop/interop_page.py > docs/interop.md")
    print("interop: the page is what the tests do")


main()
