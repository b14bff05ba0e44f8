#!/usr/bin/env python3
"""docs/rfc-coverage.md and mutations.tsv name only what there is.

Each row of the document's tables has a requirement, its level, functions as `file:function`, tests as
`ctest-name:function` or `ctest-name`, and ids of mutations.tsv. No cell is empty. A row of level M or S
names a function and a test, and a mutation or "none:" with the reason; one of level C may say "not yet".
Each mutation's text stands exactly once in its file, and each is in some row that names this file.

Tests are those that CI runs: .ci/run runs tests/run.sh, whose first stage is ctest without a filter on a
build of preset dev; in BUILD-DIR they exist, and none is disabled. A test function is among those its
program runs (its file registers it).

    lint_coverage.py BUILD-DIR
"""
import json
import pathlib
import re
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = TREE / "docs/rfc-coverage.md"
TABLE = TREE / "tests/mutation/mutations.tsv"
ROW = re.compile(r"^\| .* \|$")
LEVELS = {"M", "S", "C"}
problems = []


def problem(text):
    problems.append(text)
    print("coverage:", text, file=sys.stderr)


def read(path, cache={}):
    if path not in cache:
        file = TREE / path
        cache[path] = file.read_text(encoding="utf-8") if file.is_file() else None
    return cache[path]


def known_tests():
    """Names of the tests that CI runs."""
    for file, text in ((".ci/run", r"^tests/run\.sh\b"), ("tests/run.sh", r'^stage build dev -j "\$jobs" --no-tests=error$')):
        if not re.search(text, read(file), re.M):
            problem(f"{file}: expected a line {text}: CI runs each test of the preset dev")
    listed = json.loads(subprocess.run(["ctest", "--test-dir", sys.argv[1], "--show-only=json-v1"], check=True,
                                       capture_output=True, text=True).stdout)["tests"]
    disabled = {test["name"] for test in listed
                if any(p["name"] == "DISABLED" and p["value"] for p in test.get("properties", []))}
    return {test["name"] for test in listed} - disabled


def known_functions():
    functions = set()
    for file in (TREE / "tests").rglob("*.c"):
        text = file.read_text(encoding="utf-8")
        functions.update(name for name in re.findall(r"^START_TEST\((\w+)\)", text, re.M)
                         if re.search(rf"\btcase_add_(?:loop_)?test\([^;]*\b{name}\b", text))
    return functions


def check_test(where, name, tests, functions):
    program, _, function = name.partition(":")
    if program not in tests:
        problem(f"{where}: CI runs no {program}")
    if function and function not in functions:
        problem(f"{where}: no test function {function} that is run")


def check_function(where, name):
    path, _, function = name.partition(":")
    text = read(path)
    if text is None:
        problem(f"{where}: no file {path}")
    elif not function or not re.search(rf"\b{re.escape(function)}\b", text):
        problem(f"{where}: {path} has no {function or 'function named'}")


def mutations(tests, functions):
    ids = {}  # name: file
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        where = f"mutations.tsv:{number}"
        columns = line.split("\t")
        if len(columns) != 5 or not all(columns):
            problem(f"{where}: five columns are expected")
            continue
        name, names, path, find, put = columns
        if name in ids:
            problem(f"{where}: {name} comes twice")
        ids[name] = path
        for test in names.split(","):
            check_test(where, test, tests, functions)
        if read(path) is None:
            problem(f"{where}: no file {path}")
        elif read(path).count(find) != 1:
            problem(f"{where}: {name}: its text is {read(path).count(find)} times in {path}")
        if find == put:
            problem(f"{where}: {name} changes nothing")
    return ids


def rows():
    """Rows of the document's tables, less their heads."""
    for number, line in enumerate(DOCUMENT.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if ROW.match(line) and len(cells) == 5 and cells[1] in LEVELS:
            yield f"rfc-coverage.md:{number}", cells
        elif ROW.match(line) and cells[0] != "Requirement":
            problem(f"rfc-coverage.md:{number}: a row has five cells, the second is M, S or C")


def check_rows(ids, tests, functions):
    used, missing, count = set(), 0, 0
    for where, cells in rows():
        count += 1
        lacks = False
        for kind, cell in zip(("function", "test", "mutation"), cells[2:]):
            names = re.findall(r"`([^`]+)`", cell)
            later = "not yet" in cell
            lacks |= later
            if later and cells[1] != "C":
                problem(f"{where}: level {cells[1]} and \"not yet\" ({kind})")
            if not names and not later and not (kind == "mutation" and re.match(r"none: \w+ \w+", cell)):
                problem(f"{where}: no {kind}")
            for name in names:
                if kind == "function":
                    check_function(where, name)
                elif kind == "test":
                    check_test(where, name, tests, functions)
                elif name not in ids:
                    problem(f"{where}: no mutation {name}")
                else:
                    used.add(name)
                    if ids[name] not in re.findall(r"`([^`:]+):", cells[2]):
                        problem(f"{where}: {name} breaks {ids[name]}, which the row does not name")
        missing += lacks
    for name in sorted(ids.keys() - used):
        problem(f"mutation {name} stands in no row of rfc-coverage.md")
    return count, missing


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: lint_coverage.py BUILD-DIR")
    tests, functions = known_tests(), known_functions()
    ids = mutations(tests, functions)
    count, missing = check_rows(ids, tests, functions)
    if problems:
        sys.exit(1)
    print(f"coverage: {count} rows, {missing} of them not done yet; {len(ids)} mutations")


main()
