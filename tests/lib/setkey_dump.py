"""What setkey -D and -DP print, read back: as values, and as a setkey script that makes the same again.

    setkey_dump.py SAS POLICIES > SCRIPT      two files, of -D and of -DP; for setkey -k -f SCRIPT
    setkey_dump.py --values SAS POLICIES      one line an entry, without counters, times and serial numbers
"""
import re
import sys

ESN = 0x400     # of flags=, and words of -f that stand there
WORDS = {0x01000000: "df-set", 0x02000000: "strict-pad", 0x04000000: "udp-no-sum", 0x08000000: "clamp-mss",
         0x10000000: "dummies"}


def blocks(text):
    """The lines of each entry: one begins where a line does not begin with a TAB, nor is a key's continuation."""
    entry = []
    for line in text.splitlines():
        if line[:1] not in ("\t", "") and not re.fullmatch(r"([0-9a-f]{2,8} ?)+", line) and entry:
            yield entry
            entry = []
        entry.append(line)
    if entry:
        yield entry


def find(pattern, text, default=None):
    found = re.search(pattern, text, re.M)
    return found.groups() if found else default


def read_sa(lines):
    text = "\n".join(lines)
    src, dst = lines[0].split()
    proto, mode, spi, reqid = find(r"^\t(\S+) mode=(\S+) spi=(\d+)\(.*reqid=(\d+)\(", text)
    replay, flags, state = find(r"replay=(\d+) flags=0x(\S+) state=(\S+)", text)
    hard_s, soft_s = find(r"^\tdiff: .*hard: (\d+)\(s\)\tsoft: (\d+)\(s\)", text)
    hard_b, soft_b = find(r"^\tcurrent: \d+\(bytes\)\thard: (\d+)\(bytes\)\tsoft: (\d+)\(bytes\)", text)
    algorithms = []
    for letter in "EA":
        name, key = find(rf"^\t{letter}: (\S+) +([0-9a-f \n]*)$", text, (None, ""))
        if name:
            algorithms.append((letter, name, re.sub(r"\s", "", key)))
    return {"src": src, "dst": dst, "proto": proto, "mode": mode, "spi": int(spi), "reqid": int(reqid),
            "oa": find(r"^\tNAT OA=(\S+)", text, ("",))[0], "algorithms": algorithms, "replay": int(replay),
            "esn": bool(int(flags, 16) & ESN), "words": [w for bit, w in WORDS.items() if int(flags, 16) & bit], "larval": state == "larval",
            "limits": [int(n) for n in (hard_s, soft_s, hard_b, soft_b)]}


def read_policy(lines):
    return {"selector": lines[0], "action": lines[1].strip(),
            "rules": [line.strip().replace("unique#", "unique:") for line in lines[2:] if line.startswith("\tesp/")]}


def read_sas(text):
    return [] if text.startswith("No SAD entries") else [read_sa(b) for b in blocks(text)]


def read_policies(text):
    return [] if text.startswith("No SPD entries") else [read_policy(b) for b in blocks(text)]


def sa_statement(sa):
    words = ["add", sa["src"].replace("[", " ["), sa["dst"].replace("[", " ["), sa["proto"], sa["oa"], hex(sa["spi"]),
             "-m", sa["mode"], "-u", sa["reqid"], "-r", sa["replay"]]
    for option, value in zip(("-lh", "-ls", "-bh", "-bs"), sa["limits"]):
        words += [option, value]
    words += ["-esn"] if sa["esn"] else []
    words += ["-f " + word for word in sa["words"]]
    for letter, name, key in sa["algorithms"]:
        words += ["-" + letter, name, "0x" + key if key else ""]
    return " ".join(str(w) for w in words) + ";"


def policy_statement(policy):
    return f"spdadd {policy['selector']} -P {policy['action']} {' '.join(policy['rules'])};"


def script(sas, policies):
    return "\n".join(["flush;", "spdflush;", *map(sa_statement, sas), *map(policy_statement, policies), ""])


def main():
    values = sys.argv[1] == "--values"
    with open(sys.argv[-2], encoding="utf-8") as file:
        sas = read_sas(file.read())
    with open(sys.argv[-1], encoding="utf-8") as file:
        policies = read_policies(file.read())
    if values:
        for entry in sas + policies:
            print(entry)
    else:
        sys.stdout.write(script(sas, policies))


if __name__ == "__main__":
    main()
