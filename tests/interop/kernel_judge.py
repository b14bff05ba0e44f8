"""What kernel-judge.commands said in front of two servers, compared command by command.

    kernel_judge.py KERNEL CYGNETD DIFFERENCES

DIFFERENCES lists those that stay: a reason behind "## ", and under it each difference as a command and
what only the kernel (-) or only cygnetd (+) said to it. Exits 1 if one is not there, or in vain.
"""
import collections
import difflib
import re
import sys


def in_order(lines):
    """A list's entries, sorted: each begins at the left. Indexes of policies count up from anywhere."""
    entries = []
    for line in lines:
        line = re.sub(r" index [0-9]+ ", " index N ", line)
        if line[0].isspace() and entries:
            entries[-1].append(line)
        else:
            entries.append([line])
    return [line for entry in sorted(entries) for line in entry]


def blocks(path):
    """(command, lines it said), in order; chapters are commands too. Dates cannot agree."""
    found = []
    for line in open(path, encoding="utf-8").read().splitlines():
        if line.startswith(("$ ", "## ")):
            found.append((line, []))
        elif line and found:
            found[-1][1].append(re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "DATE", line))
    return [(c, in_order(said) if c.startswith("$ ip -s") else said) for c, said in found]


def differences(kernel, cygnetd):
    """(command, lines with - or +) of every hunk."""
    assert [c for c, _ in kernel] == [c for c, _ in cygnetd], "one of them did not run all commands"
    for (command, theirs), (_, ours) in zip(kernel, cygnetd):
        matcher = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag != "equal":
                yield command, tuple(["-" + x for x in theirs[a:b]] + ["+" + x for x in ours[c:d]])


def listed(path):
    """Counter of the differences that stay. What the monitor heard is a command too."""
    stay, command, lines = collections.Counter(), None, []

    def close():
        if command:
            stay[command, tuple(lines)] += 1

    for line in open(path, encoding="utf-8").read().splitlines():
        if line.startswith(("-", "+")):
            lines.append(line)
        elif line.startswith("$ ") or line == "## monitor":
            close()
            command, lines = line, []
        elif lines:
            close()
            command, lines = (command if not line else None), []
    close()
    stay.pop((None, ()), None)
    return collections.Counter({k: n for k, n in stay.items() if k[1]})


def show(title, entries):
    for (command, lines), count in entries.items():
        print(f"{title}{'' if count == 1 else f' ({count} times)'}:\n{command}")
        print("\n".join(lines) + "\n")


def main():
    kernel, cygnetd = blocks(sys.argv[1]), blocks(sys.argv[2])
    found = collections.Counter(differences(kernel, cygnetd))
    stay = listed(sys.argv[3])
    show("a difference that is not listed", found - stay)
    show("a difference that is listed, but not there", stay - found)
    if found != stay:
        sys.exit(1)
    commands = sum(c.startswith("$") for c, _ in kernel)
    print(f"{commands} commands, {sum(found.values())} differences, all of them listed")


main()
