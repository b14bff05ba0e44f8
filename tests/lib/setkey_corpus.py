"""Runs setkey files against a live cygnetd and holds each against its line of MANIFEST.tsv. What is loaded
then is dumped, the dump is turned into a script and loaded, and must give the same databases again.

    setkey_corpus.py SETKEY FOLDER

Columns: file, source, kind, exercises, expect, refuse. expect: full (all loads, exit 0), partial and
none (the statements that "refuse" names are refused, each with one line that names the file and the
line of its end; all others load; exit 1), syntax (reported at the line that "refuse" names; what
stood before it is done, nothing after it). refuse: REASON LINES, as in "TRANSPORT 6-8,9-11; AH 20".
"""
import itertools
import os
import re
import subprocess
import sys

import setkey_dump

SETKEY, FOLDER = sys.argv[1:3]
NOTICE = re.compile(r"WARNING|is ignored$|are ignored|always seq-pad$")


def setkey(*args, text=None):
    done = subprocess.run([SETKEY, *args], input=text and text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
    return done.returncode, done.stdout.decode(errors="replace")


def ranges(text):
    for part in text.strip(",").split(","):
        first, _, last = part.partition("-")
        yield int(first), int(last or first)


def refused_lines(refuse):
    found = re.findall(r"\b([A-Z][A-Z+/]+)(?: [a-z0-9-]*[a-z][a-z0-9-]*)? ([0-9][0-9,-]*)", refuse)
    return [r for _, lines in found for r in ranges(lines)]


def statements(text):
    """(first line, last line, words) of each statement."""
    line, first, words, word, quoted = 1, None, [], "", False
    for char in re.sub(r"#[^\n]*", "", text) + " ":
        if char == '"':
            quoted = not quoted
        if not quoted and (char.isspace() or char == ";"):
            if word:
                words.append(word)
                first = first or line
            word = ""
            if char == ";" and words:
                yield first, line, words
            if char == ";":
                words, first = [], None
        else:
            word += char
        if char == "\n":
            line += 1


def overlap(a, b):
    return a[0] <= b[1] and b[0] <= a[1]


class Model:
    """What the databases should hold."""

    def __init__(self):
        self.sas, self.policies = set(), set()

    def apply(self, words):
        words = [w for w in words if not re.fullmatch(r"-[46n]+", w)]
        command = words[0]
        if command == "flush" and words[1:2] in ([], ["esp"]):
            self.sas.clear()
        elif command == "spdflush":
            self.policies.clear()
        elif command == "add":
            self.sas.add((words[2], int(words[4], 0)))
        elif command in ("spdadd", "spdupdate"):
            at = words.index("-P")
            self.policies.add((words[at + 1], *words[1:4]))
            if words[at + 1] == "in":       # setkey -r, the default: in is installed as fwd too
                self.policies.add(("fwd", *words[1:4]))


def fed_back(sas, policies):
    """What is wrong with the databases after their own dump was loaded, or nothing."""
    before = setkey_dump.read_sas(sas), setkey_dump.read_policies(policies)
    code, said = setkey("-k", "-f", "-", text=setkey_dump.script(*before))
    said = "".join(line for line in said.splitlines() if not NOTICE.search(line))
    after = setkey_dump.read_sas(setkey("-D")[1]), setkey_dump.read_policies(setkey("-DP")[1])
    if code or said:
        return [f"the dump fed back: exit status {code}: {said}"]
    return [f"fed back: {a} became {b}" for old, new in zip(before, after)
            for a, b in itertools.zip_longest(old, new) if a != b]


def check(name, expect, refuse):
    path = os.path.join(FOLDER, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    setkey("-F")
    setkey("-FP")
    code, said = setkey("-f", path)
    reported = [int(n) for n, text in re.findall(re.escape(path) + r",(\d+): (.*)", said)
                if not NOTICE.search(text)]
    model, wanted = Model(), []
    stop = int(re.search(r"line (\d+)", refuse)[1]) if expect == "syntax" else None
    bad = refused_lines(refuse)
    alternative = re.search(r"lines ([0-9,-]+) with a policy error", refuse)
    if alternative and code:
        bad = list(ranges(alternative[1]))
    for first, last, words in statements(text):
        if stop and last >= stop or words[0] in ("exit", "quit", "bye"):
            break
        if any(overlap((first, last), r) for r in bad):
            wanted.append(last)
        else:
            model.apply(words)
    if stop:
        wanted = [stop]
        reported = sorted(set(reported))    # the sentence, then "parse failed"
    problems = []
    if reported != wanted:
        problems.append(f"lines reported {reported}, expected {wanted}")
    if (code != 0) != bool(wanted) or code not in (0, 1):
        problems.append(f"exit status {code}")
    sa_dump, policy_dump = setkey("-D")[1], setkey("-DP")[1]
    sas = len(re.findall(r"^\t\S+ mode=", sa_dump, re.M))
    policies = len(re.findall(r"^\t(?:in|out|fwd)\b", policy_dump, re.M))
    if (sas, policies) != (len(model.sas), len(model.policies)):
        problems.append(f"{sas} SAs and {policies} policies, expected {len(model.sas)} and {len(model.policies)}")
    problems += fed_back(sa_dump, policy_dump)
    # Keys never reach a message.
    if re.search(r"0x[0-9a-f]{16}", said) and "dump" not in text and "get" not in text:
        problems.append("a key is in the messages")
    print(f"{'FAILED' if problems else 'ok'}: {name}: {sas} SAs, {policies} policies, {len(wanted)} refusals")
    for problem in problems:
        print(f"  {problem}\n  setkey said: {said}")
    return not problems


def main():
    good = True
    count = 0
    with open(os.path.join(FOLDER, "MANIFEST.tsv"), encoding="utf-8") as manifest:
        for row in manifest:
            columns = row.rstrip("\n").split("\t")
            if row.startswith("#") or columns[0] == "file":
                continue
            count += 1
            good &= check(columns[0], columns[4], columns[5])
    print(f"{count} files")
    sys.exit(0 if good and count else 1)


main()
