"""Holds what a setkey file says against what the kernel's own tool shows after setkey --kernel -f.

    setkey_kernel.py FILE STATE POLICY      STATE and POLICY: of `ip -s xfrm state` and `ip xfrm policy`

Reads the file's words by itself: nothing of setkey's takes part.
"""
import re
import sys

ALGORITHMS = {      # setkey's name: kind, the kernel's name, bits of the tag
    "aes-gcm-16": ("aead", "rfc4106(gcm(aes))", 128),
    "chacha20-poly1305": ("aead", "rfc7539esp(chacha20,poly1305)", 128),
    "aes-cbc": ("enc", "cbc(aes)", None), "rijndael-cbc": ("enc", "cbc(aes)", None),
    "null": ("enc", "ecb(cipher_null)", None),
    "hmac-sha1": ("auth-trunc", "hmac(sha1)", 96),
    "hmac-sha256": ("auth-trunc", "hmac(sha256)", 128), "hmac-sha2-256": ("auth-trunc", "hmac(sha256)", 128),
}
BASES = {"low": 0xC0000000, "def": 0x80000000, "high": 0x40000000}


def statements(text):
    text = re.sub(r"#[^\n]*", "", text)
    for statement in text.split(";"):
        words = re.findall(r'"[^"]*"|\S+', statement)
        if words:
            yield words


def key(word):
    return word[2:] if word.startswith("0x") else word.strip('"').encode().hex()


def said_sa(words):
    sa = {"src": words[1], "dst": words[2], "spi": int(words[4], 0), "mode": "tunnel", "reqid": 0, "window": 0,
          "esn": False, "algorithms": [], "hard": 0, "soft": 0}
    at = 5
    while at < len(words):
        option, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 2
        if option == "-esn":
            sa["esn"], at = True, at - 1
        elif option in ("-E", "-A"):
            kind, name, bits = ALGORITHMS[value]
            if at < len(words) and not words[at].startswith("-"):
                sa["algorithms"].append((kind, name, key(words[at]), bits))
                at += 1
            else:
                sa["algorithms"].append((kind, name, "", bits))
        elif option in ("-r", "-u", "-lh", "-ls"):
            sa[{"-r": "window", "-u": "reqid", "-lh": "hard", "-ls": "soft"}[option]] = int(value)
    sa["algorithms"].sort()
    return sa


def shown_sas(text):
    for block in re.split(r"^(?=src )", text, flags=re.M)[1:]:
        src, dst = re.match(r"src (\S+) dst (\S+)", block).groups()
        spi, reqid, mode = re.search(r"spi (0x[0-9a-f]+)\S* reqid (\d+)\S* mode (\S+)", block).groups()
        algorithms = [(kind, name, k[2:] if k != '""' else "", int(bits) if bits else None) for kind, name, k, bits in
                      re.findall(r"^\t(aead|enc|auth-trunc) (\S+) *(0x[0-9a-f]*|\"\"|)(?: \(\d+ bits\))?(?: (\d+))?",
                                 block, re.M)]
        window = re.search(r"replay[-_]window (\d+)", block.split("anti-replay esn context")[-1])
        soft, hard = re.search(r"expire add: soft (\d+)\(sec\), hard (\d+)\(sec\)", block).groups()
        yield {"src": src, "dst": dst, "spi": int(spi, 16), "mode": mode, "reqid": int(reqid), "window": int(window[1]),
               "esn": bool(re.search(r"flag .*\besn\b", block)), "algorithms": sorted(algorithms),
               "hard": int(hard), "soft": int(soft)}


def said_policies(words):
    """The policy, and for an in policy its twin."""
    at = words.index("-P")
    ends = [re.fullmatch(r"([^/\[]+)(?:/(\d+))?(?:\[(\w+)\])?", w).groups() for w in words[1:3]]
    full = 128 if ":" in ends[0][0] else 32
    rest = words[at + 2:]
    priority = BASES["def"]
    if rest[0] == "prio":
        priority, rest = BASES[rest[1]], rest[2:]
        if rest[0] in "+-":
            priority, rest = priority + int(rest[1]) * (1 if rest[0] == "-" else -1), rest[2:]
    rule = rest[1].split("/") if rest[0] == "ipsec" else None
    policy = {"src": f"{ends[0][0]}/{ends[0][1] or full}", "dst": f"{ends[1][0]}/{ends[1][1] or full}",
              "dir": words[at + 1], "priority": priority, "block": rest[0] == "discard", "tmpl": None,
              "upper": words[3], "umisc": words[4] if at > 4 else None,
              "ports": [p if p and p != "any" else None for _, _, p in ends]}
    if rule:
        src, dst = rule[2].split("-")
        level, _, reqid = rule[3].partition(":")
        policy["tmpl"] = (src, dst, int(reqid or 0), level == "use")
    yield policy
    if policy["dir"] == "in":
        tmpl = policy["tmpl"]
        yield {**policy, "dir": "fwd", "tmpl": tmpl and (tmpl[0], tmpl[1], 0, tmpl[3])}


def shown_policies(text):
    for block in re.split(r"^(?=src )", text, flags=re.M)[1:]:
        src, dst = re.match(r"src (\S+) dst (\S+)", block).groups()
        head = block.split("tmpl")[0]
        if "socket" in head:
            continue
        tmpl = re.search(r"tmpl src (\S+) dst (\S+)\s+proto esp reqid (\d+) mode tunnel(.*)", block)
        kind = re.search(r"type (\d+)(?: code (\d+))?", head)
        proto = re.search(r"proto (\S+)", head)
        yield {"src": src, "dst": dst, "dir": re.search(r"dir (\S+)", head)[1],
               "priority": int((re.search(r"priority (\d+)", head) or ["", "0"])[1]), "block": "action block" in head,
               "tmpl": tmpl and (tmpl[1], tmpl[2], int(tmpl[3]), "level use" in tmpl[4]),
               "upper": proto[1] if proto else "any", "umisc": f"{kind[1]},{kind[2] or 0}" if kind else None,
               "ports": [(re.search(rf"{w} (\d+)", head) or ["", None])[1] for w in ("sport", "dport")]}


def full_prefix(address):
    return address if "/" in address else address + ("/128" if ":" in address else "/32")


def compare(what, said, shown):
    for entry in said:
        if entry not in shown:
            print(f"FAILED: the file says {entry}\n  and the kernel shows none such among")
            print("\n".join(f"  {s}" for s in shown))
            sys.exit(1)
    if len(said) != len(shown):
        sys.exit(f"FAILED: {len(said)} {what} in the file, {len(shown)} in the kernel")
    print(f"ok: {len(said)} {what}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        words = list(statements(file.read()))
    with open(sys.argv[2], encoding="utf-8") as file:
        sas = list(shown_sas(file.read()))
    with open(sys.argv[3], encoding="utf-8") as file:
        policies = list(shown_policies(file.read()))
    compare("SAs", [said_sa(w) for w in words if w[0] == "add"], sas)
    compare("policies", [p for w in words if w[0] == "spdadd" for p in said_policies(w)],
            [{**p, "src": full_prefix(p["src"]), "dst": full_prefix(p["dst"])} for p in policies])


main()
