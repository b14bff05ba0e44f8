"""The cases of kernel_matrix.py, and of docs/interop.md, which interop_page.py writes from them."""
import itertools

# name, the witness's and setkey's word, the kernel's, bytes of key, bits of an AEAD's ICV. setkey has
# no word for some; those SAs are sent to cygnetd as an XFRM message.
AEADS = [
    (f"aes-{8 * key}-{mode}", f"aes-{mode}", kernel, key + salt, icv)
    for mode, kernel, salt, icv in (
        ("gcm-16", "rfc4106(gcm(aes))", 4, 128), ("gcm-12", "rfc4106(gcm(aes))", 4, 96),
        ("gcm-8", "rfc4106(gcm(aes))", 4, 64), ("ccm-16", "rfc4309(ccm(aes))", 3, 128),
        ("ccm-12", "rfc4309(ccm(aes))", 3, 96), ("ccm-8", "rfc4309(ccm(aes))", 3, 64),
        ("gmac", "rfc4543(gcm(aes))", 4, 128))
    for key in (16, 24, 32)
] + [("chacha20-poly1305", "chacha20-poly1305", "rfc7539esp(chacha20,poly1305)", 36, 128)]
CIPHERS = [
    ("aes-128-cbc", "aes-cbc", "cbc(aes)", 16),
    ("aes-192-cbc", "aes-cbc", "cbc(aes)", 24),
    ("aes-256-cbc", "aes-cbc", "cbc(aes)", 32),
    ("aes-128-ctr", "aes-ctr", "rfc3686(ctr(aes))", 20),
    ("aes-192-ctr", "aes-ctr", "rfc3686(ctr(aes))", 28),
    ("aes-256-ctr", "aes-ctr", "rfc3686(ctr(aes))", 36),
    ("null", "null", "ecb(cipher_null)", 0),
]
MACS = [
    ("sha1", "hmac-sha1", "hmac(sha1)", 20, 96),
    ("sha256", "hmac-sha2-256", "hmac(sha256)", 32, 128),
    ("sha384", "hmac-sha2-384", "hmac(sha384)", 48, 192),
    ("sha512", "hmac-sha2-512", "hmac(sha512)", 64, 256),
    ("xcbc", "aes-xcbc-mac", "xcbc(aes)", 16, 96),
    ("cmac", "aes-cmac", "cmac(aes)", 16, 96),
]
SUITES = [(aead, None) for aead in AEADS] + list(itertools.product(CIPHERS, MACS))
# ESN, inner and outer family.
MIXES = list(itertools.product((False, True), (4, 6), (4, 6)))
# Suite, mix, in UDP. All with --all. Else, not in UDP: each suite meets both sequence sizes, one with equal
# families and the other with different ones, and over two neighbours all mixes; in UDP: each suite once. What
# varies goes on by one more every six suites, or a MAC (each sixth suite has the same) would meet half of it.
ALL_CASES = [(suite, *mix, False) for suite in SUITES for mix in MIXES]


def meets(i, esn, inner, outer):
    """Suite number i meets this mix in every run."""
    turn = i + i // 6
    return (inner == outer) == ((turn + esn) % 2 == 0) and (inner == 4) == (turn // 2 % 2 == 0)


CASES = [(suite, *mix, False) for i, suite in enumerate(SUITES) for mix in MIXES if meets(i, *mix)]
ALL_UDP_CASES = [(suite, *mix, True) for suite in SUITES for mix in MIXES]
UDP_CASES = [(suite, *MIXES[(i + i // 6) % len(MIXES)], True) for i, suite in enumerate(SUITES)]


def name_of(suite):
    return suite[0][0] + (f"/{suite[1][0]}" if suite[1] else "")


# Bytes of payload in each direction: around padding and MTU. ALL_SIZES: --all.
SIZES = [0, 1, 2, 3, 15, 16, 17], [17, 3, 2, 1, 0]              # ... and so far below the MTU
ALL_SIZES = list(range(36)), list(range(36))
HEADERS = {4: 28, 6: 48}                                        # IP and ICMP


def sizes(mtu, inner, every=False):
    small, below = ALL_SIZES if every else SIZES
    return small + [mtu - HEADERS[inner] - n for n in below]


def inner_mtu(suite, outer, udp, path=1500):
    """RFC 4303 2: what is left of the path, after each suite's own RFC, and RFC 3948 2.1's UDP header;
    not esp/mtu.c's arithmetic."""
    (cipher, _, _, _, *icv_bits), mac = suite
    icv = (mac[4] if mac else icv_bits[0]) // 8
    iv, block = {"cbc": (16, 16), "null": (0, 4)}.get(cipher.split("-")[-1], (8, 4))
    room = path - {4: 20, 6: 40}[outer] - (8 if udp else 0) - 8 - iv - icv
    return room // block * block - 2
