"""Runs setkey files against a live cygnetd and holds each against its line of MANIFEST.tsv.

    setkey_corpus.py SETKEY FOLDER

Columns: file, source, kind, exercises, expect, refuse. expect: full (all loads, exit 0), partial and
none (the statements that "refuse" names are refused, each with one line that names the file and the
line of its end; all others load; exit 1), syntax (reported at the line that "refuse" names; what
stood before it is done, nothing after it). refuse: REASON LINES, as in "TRANSPORT 6-8,9-11; AH 20".
"""
import os
import re
import subprocess
import sys

SETKEY, FOLDER = sys.argv[1:3]


def setkey(*args):
    done = subprocess.run([SETKEY, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
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


def check(name, expect, refuse):
    path = os.path.join(FOLDER, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    setkey("-F")
    setkey("-FP")
    code, said = setkey("-f", path)
    reported = [int(n) for n in re.findall(re.escape(path) + r",(\d+):", said)]
    model, wanted = Model(), []
    stop = int(re.search(r"line (\d+)", refuse)[1]) if expect == "syntax" else None
    bad = refused_lines(refuse)
    alternative = re.search(r"lines ([0-9,-]+) with a policy error", refuse)
    if alternative and code:
        bad = list(ranges(alternative[1]))
    for first, last, words in statements(text):
        if stop and last >= stop:
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
    sas = len(re.findall(r"^\t\S+ mode=", setkey("-D")[1], re.M))
    policies = len(re.findall(r"^\t(?:in|out|fwd)\b", setkey("-DP")[1], re.M))
    if (sas, policies) != (len(model.sas), len(model.policies)):
        problems.append(f"{sas} SAs and {policies} policies, expected {len(model.sas)} and {len(model.policies)}")
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
