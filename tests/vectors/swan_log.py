#!/usr/bin/env python3
"""Writes swan_cases.h from the log of a strongSwan: what it put into its key schedule, and what came out.

The log is of charon, Debian 12's, which began every exchange, with ike and chd at level 4 and enc at 3;
swan_record.sh makes one. It holds secrets, of SAs that nobody uses: nothing else may be logged so.

    swan_log.py LOG > swan_cases.h

Of an IKE SA: nonces, g^ir, SPIs, SKEYSEED and each SK_*, for the first one and its rekey; of both ends
what goes into AUTH, and AUTH. Of a child SA: KEYMAT, with and without a g^ir of its own.
"""
import re
import sys

WORDS = {"AES_GCM_16_128": "aes128gcm16", "AES_GCM_16_256": "aes256gcm16", "AES_CBC_128": "aes128",
         "AES_CBC_192": "aes192", "AES_CBC_256": "aes256", "CHACHA20_POLY1305": "chacha20poly1305",
         "HMAC_SHA2_256_128": "sha256", "HMAC_SHA2_384_192": "sha384", "HMAC_SHA2_512_256": "sha512",
         "PRF_HMAC_SHA2_256": "prfsha256", "PRF_HMAC_SHA2_384": "prfsha384", "PRF_HMAC_SHA2_512": "prfsha512",
         "CURVE_25519": "x25519", "ECP_256": "ecp256", "ECP_384": "ecp384", "ECP_521": "ecp521",
         "MODP_2048": "modp2048"}
LINE = re.compile(r"^(?:\S+ +)*?\d+\[(?:IKE|CHD|ENC|CFG)\] ?(.*)$")
DUMP = re.compile(r"^(.*?) *=> (\d+) bytes @ ")
HEX = re.compile(r"^ *\d+: ((?:[0-9A-F]{2} )*[0-9A-F]{2})  ")


def events(path):
    """(text, bytes or None) of each line that is no line of a dump."""
    lines = [m[1] for m in (LINE.match(line.rstrip("\n")) for line in open(path, encoding="utf-8", errors="replace")) if m]
    at = 0
    while at < len(lines):
        text, data = lines[at], None
        at += 1
        dump = DUMP.match(text)
        if dump:
            data = b""
            while at < len(lines) and (row := HEX.match(lines[at])) and len(data) < int(dump[2]):
                data += bytes.fromhex(row[1])
                at += 1
            assert len(data) == int(dump[2]), text
            text = dump[1]
        yield text.strip(), data


def words(text):
    return "-".join(WORDS[w] for w in text.split("/") if w != "NO_EXT_SEQ")


class Log:
    def __init__(self, path):
        self.ike, self.auths, self.children, self.values = [], [], [], {}
        self.rule, self.nonces, self.spis = "", {}, {}
        for text, data in events(path):
            if data is None:
                self.say(text)
            else:
                self.dump(text, data)

    def say(self, text):
        if found := re.match(r"(generating|parsing) rule \d+ (\w+)", text):
            self.rule = f"{found[1]} {found[2]}"
        elif found := re.match(r"(?:generating payload of type|parsing) ([A-Z_]+)(?: payload, |$)", text):
            self.payload = found[1]
        elif text.startswith("selected proposal: IKE:"):
            self.words = words(text.split(":", 2)[2])
        elif text.startswith("selected proposal: ESP:"):
            self.esp = words(text.split(":", 2)[2])
        elif text == "adding inbound ESP SA":
            self.child()
        elif text.startswith("IKE_SA") and "rekeyed between" in text:
            self.rekeyed()

    def dump(self, text, data):
        if text == "" and self.rule.endswith(" CHUNK_DATA") and self.payload == "NONCE":
            self.nonces[self.rule.split()[0]] = data
        elif text == "" and self.rule.endswith(" SPI") and len(data) == 8:
            self.spis[self.rule.split()[0]] = data
        elif text == "natd_chunk" and data[8:16] != bytes(8):
            self.values["spis"] = data[:16]
        elif text == "Sk_pr secret":
            self.values[text] = data
            if len(self.ike) % 2 == 0:
                self.first()
        elif text.startswith("AUTH = "):
            self.auth(data)
        else:
            self.values[text] = data
        if text == "":
            self.rule = ""

    def sa(self, spi_i, spi_r):
        v = self.values
        keys = b"".join(v.pop(f"Sk_{part} secret", b"") for part in ("d", "ai", "ar", "ei", "er", "pi", "pr"))
        self.ike.append({"words": self.words, "ni": self.nonces["generating"], "nr": self.nonces["parsing"],
                         "shared": v.pop("shared Diffie Hellman secret"), "spi_i": spi_i, "spi_r": spi_r,
                         "skeyseed": v.pop("SKEYSEED"), "keys": keys})

    def first(self):
        self.sa(self.values["spis"][:8], self.values["spis"][8:])

    def rekeyed(self):
        self.sa(self.spis["generating"], self.spis["parsing"])

    def auth(self, data):
        v, prf_len = self.values, len(data)
        octets = next(v.pop(key) for key in list(v) if key.startswith("octets = "))
        message, nonce = octets[:-32 - prf_len], octets[-32 - prf_len:-prf_len]
        self.auths.append((len(self.ike) - 1, len(self.auths) % 2, v.pop("secret"), message, nonce, v.pop("IDx'"), data))

    def child(self):
        v = self.values
        keys = b"".join(v.pop(f"{kind} {side} key", b"") for side in ("initiator", "responder")
                        for kind in ("encryption", "integrity"))
        shared, seed = v.pop("DH secret", b""), v.pop("seed")
        assert seed[:len(shared)] == shared and len(seed) == len(shared) + 64, self.esp
        self.children.append((len(self.ike) - 1, self.esp, shared, seed[-64:-32], seed[-32:], keys))


def quoted(value):
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    text = value.hex()
    return "\n\t  ".join(f'"{text[i:i + 88]}"' for i in range(0, max(len(text), 1), 88))


def row(values):
    return "{" + ",\n\t ".join(map(quoted, values)) + "}"


def main():
    log = Log(sys.argv[1])
    assert len(log.ike) and len(log.ike) % 2 == 0, "each IKE SA is rekeyed once"
    assert len(log.auths) == len(log.ike) and len(log.children) == 3 * len(log.ike) // 2, "AUTH and children"
    tables = ["\n".join("\t" + row(values) + "," for values in table)
              for table in ((sa.values() for sa in log.ike), log.auths, log.children)]
    print(f"""/*
 * tests/vectors/swan_cases.h: what a strongSwan said of its own key schedule. Written by swan_log.py from the
 * log of one that swan_record.sh ran; not by hand. The SAs were made for this, and carried nothing.
 */
#ifndef CYGNET_TEST_SWAN_CASES_H
#define CYGNET_TEST_SWAN_CASES_H

/* All bytes here are hexadecimal. In pairs: an IKE SA made by IKE_SA_INIT, and its rekey. */
static const struct swan_ike {{
\tconst char *words, *ni, *nr, *shared, *spi_i, *spi_r;
\tconst char *skeyseed, *keys; /* SK_d, ai, ar, ei, er, pi, pr */
}} swan_ikes[] = {{
\t/* clang-format off */
{tables[0]}
\t/* clang-format on */
}};

static const struct swan_auth {{
\tunsigned ike; /* the row of its IKE SA */
\tunsigned by_responder;
\tconst char *secret, *message, *nonce, *id, *auth;
}} swan_auths[] = {{
\t/* clang-format off */
{tables[1]}
\t/* clang-format on */
}};

static const struct swan_child {{
\tunsigned ike;
\tconst char *words, *shared, *ni, *nr;
\tconst char *keys; /* of what the initiator sends, then the other: encryption, integrity */
}} swan_children[] = {{
\t/* clang-format off */
{tables[2]}
\t/* clang-format on */
}};

#endif""")


if __name__ == "__main__":
    main()
