"""A second maker and opener of ESP packets, over python3-cryptography alone.

Written from RFC 4303, 4106, 4309, 4543, 7634, 8750, 3602, 3686, 2404, 4868, 3566 and 4494 without
a look at esp/: where both agree, both are likely right. It shows what an owner of the keys reads from a capture, what an
eavesdropper reads, and it makes the packets that tests send: good, replayed, damaged, forged.

    esp_witness.py open CAPTURE SETKEY-FILE    each ESP packet, opened with the file's keys
    esp_witness.py eavesdrop CAPTURE SETKEY-FILE [TEXT...]
        proves that the capture holds nothing but ESP, and none of the inner addresses, port pairs
        and payload bytes that its own opening shows, nor the texts named
    esp_witness.py nonces CAPTURE...           every (SPI, destination, IV) is there once
"""
import hmac
import ipaddress
import os
import re
import socket
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.cmac import CMAC

ESP, IPIP, IPV6, NONE = 50, 4, 41, 59


class BadPacket(Exception):
    """The packet is not what its SA makes."""


# ---- suites ------------------------------------------------------------------------------------


class Aead:
    """RFC 4106, 4309, 7634: key and salt; nonce = salt | IV; without an IV on the wire (RFC 8750) the
    sequence number, its high half zero or the ESN's."""
    block = 4

    def __init__(self, key, salt_len=4, icv_len=16, iv_len=8):
        self.key, self.salt = key[:-salt_len], key[-salt_len:]
        self.iv_len, self.icv_len = iv_len, icv_len

    def nonce(self, header, high, iv):
        return self.salt + (iv if self.iv_len else (high or bytes(4)) + header[4:])

    def seal(self, header, high, iv, plain):
        return self.encrypt(self.nonce(header, high, iv), plain, header[:4] + high + header[4:])

    def open(self, header, high, iv, body):
        try:
            return self.decrypt(self.nonce(header, high, iv), body, header[:4] + high + header[4:])
        except InvalidTag as bad:
            raise BadPacket("ICV") from bad


class Gcm(Aead):
    def context(self, nonce, *tag):
        return Cipher(algorithms.AES(self.key), modes.GCM(nonce, *tag))

    def encrypt(self, nonce, plain, aad):
        gcm = self.context(nonce).encryptor()
        gcm.authenticate_additional_data(aad)
        return gcm.update(plain) + gcm.finalize() + gcm.tag[:self.icv_len]

    def decrypt(self, nonce, body, aad):
        gcm = self.context(nonce, body[-self.icv_len:], self.icv_len).decryptor()
        gcm.authenticate_additional_data(aad)
        return gcm.update(body[:-self.icv_len]) + gcm.finalize()


class Gmac(Aead):
    """RFC 4543: the IV and everything behind it is associated data."""

    def encrypt(self, nonce, plain, aad):
        return plain + AESGCM(self.key).encrypt(nonce, b"", aad + nonce[4:] + plain)

    def decrypt(self, nonce, body, aad):
        AESGCM(self.key).decrypt(nonce, body[-16:], aad + nonce[4:] + body[:-16])
        return body[:-16]


class Ccm(Aead):
    def encrypt(self, nonce, plain, aad):
        return AESCCM(self.key, tag_length=self.icv_len).encrypt(nonce, plain, aad)

    def decrypt(self, nonce, body, aad):
        return AESCCM(self.key, tag_length=self.icv_len).decrypt(nonce, body, aad)


class ChaCha(Aead):
    def encrypt(self, nonce, plain, aad):
        return ChaCha20Poly1305(self.key).encrypt(nonce, plain, aad)

    def decrypt(self, nonce, body, aad):
        return ChaCha20Poly1305(self.key).decrypt(nonce, body, aad)


def hmac_with(digest):
    return lambda key, data: hmac.new(key, data, digest).digest()


def aes_cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def aes_xcbc(key, data):
    """RFC 3566: CBC under a derived key, another one XORed onto the last block. As zero blocks do not
    change a chain, CBC of the masked message from a zero IV says it in one call."""
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor
    one, two, three = (block().update(bytes([n]) * 16) for n in (1, 2, 3))
    mask = two if data and len(data) % 16 == 0 else three
    if mask is three:
        data += b"\x80" + bytes(-(len(data) + 1) % 16)
    last = bytes(a ^ b for a, b in zip(data[-16:], mask))
    return Cipher(algorithms.AES(one), modes.CBC(bytes(16))).encryptor().update(data[:-16] + last)[-16:]


class Separate:
    """A cipher (or none) and a MAC over SPI, seq, IV, ciphertext and, with ESN, the high half."""

    def __init__(self, cipher, key, mac, auth_key, icv_len):
        self.cipher, self.key, self.mac, self.auth_key, self.icv_len = cipher, key, mac, auth_key, icv_len
        self.iv_len = {"null": 0, "aes-cbc": 16, "aes-ctr": 8}[cipher]
        self.block = 16 if cipher == "aes-cbc" else 4

    def crypt(self, iv, data, verb):
        if self.cipher == "null":
            return data
        if self.cipher == "aes-cbc":
            cipher = Cipher(algorithms.AES(self.key), modes.CBC(iv))
        else:       # RFC 3686: the key's last four bytes are a nonce, blocks count from one
            cipher = Cipher(algorithms.AES(self.key[:-4]), modes.CTR(self.key[-4:] + iv + b"\0\0\0\1"))
        context = getattr(cipher, verb)()
        return context.update(data) + context.finalize()

    def icv(self, *parts):
        return self.mac(self.auth_key, b"".join(parts))[:self.icv_len]

    def seal(self, header, high, iv, plain):
        body = self.crypt(iv, plain, "encryptor")
        return body + self.icv(header, iv, body, high)

    def open(self, header, high, iv, body):
        body, icv = body[:-self.icv_len], body[-self.icv_len:]
        if not hmac.compare_digest(icv, self.icv(header, iv, body, high)):
            raise BadPacket("ICV")
        if len(body) % self.block:
            raise BadPacket("length")
        return self.crypt(iv, body, "decryptor")


INTEG = {
    "hmac-sha1": (hmac_with("sha1"), 20, 12),
    "hmac-sha2-256": (hmac_with("sha256"), 32, 16),
    "hmac-sha256": (hmac_with("sha256"), 32, 16),
    "hmac-sha2-384": (hmac_with("sha384"), 48, 24),
    "hmac-sha384": (hmac_with("sha384"), 48, 24),
    "hmac-sha2-512": (hmac_with("sha512"), 64, 32),
    "hmac-sha512": (hmac_with("sha512"), 64, 32),
    "aes-xcbc-mac": (aes_xcbc, 16, 12),
    "aes-cmac": (aes_cmac, 16, 12),         # no word of setkey's
}

AEADS = {
    "aes-gcm-16": lambda key: Gcm(key),
    "chacha20-poly1305": lambda key: ChaCha(key),
    "aes-gmac": lambda key: Gmac(key),
    # no words of setkey's
    "aes-gcm-12": lambda key: Gcm(key, icv_len=12),
    "aes-gcm-8": lambda key: Gcm(key, icv_len=8),
    "aes-ccm-16": lambda key: Ccm(key, salt_len=3),
    "aes-ccm-12": lambda key: Ccm(key, salt_len=3, icv_len=12),
    "aes-ccm-8": lambda key: Ccm(key, salt_len=3, icv_len=8),
    "aes-gcm-16-iiv": lambda key: Gcm(key, iv_len=0),
    "chacha20-poly1305-iiv": lambda key: ChaCha(key, iv_len=0),
}


def transform(encr, key, integ="", auth_key=b""):
    """What setkey's -E and -A words and keys name; and names in their manner where it has none."""
    if encr in AEADS:
        return AEADS[encr](key)
    mac, key_len, icv_len = INTEG[integ]
    if len(auth_key) != key_len:
        raise ValueError(f"{integ} takes {key_len} bytes of key")
    if encr not in ("aes-cbc", "aes-ctr", "null"):
        raise ValueError(f"unknown cipher {encr}")
    return Separate(encr, key, mac, auth_key, icv_len)


class Sa:
    """One direction of a tunnel."""

    def __init__(self, src, dst, spi, suite, esn=False):
        self.src, self.dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
        self.spi, self.suite, self.esn = spi, suite, esn

    def high(self, seq):
        return struct.pack("!L", seq >> 32) if self.esn else b""

    def seal(self, inner, seq, iv=None, next_header=None, trailer=None):
        """An ESP packet, from its SPI on. trailer: instead of the right padding and lengths."""
        if next_header is None:
            next_header = IPV6 if inner[:1] and inner[0] >> 4 == 6 else IPIP
        if trailer is None:
            pad = -(len(inner) + 2) % self.suite.block
            trailer = bytes(range(1, pad + 1)) + bytes([pad, next_header])
        if iv is None:
            iv = struct.pack("!Q", seq) if self.suite.iv_len == 8 else os.urandom(self.suite.iv_len)
        header = struct.pack("!LL", self.spi, seq & 0xffffffff)
        return header + iv + self.suite.seal(header, self.high(seq), iv, inner + trailer)

    def open(self, esp, high=0):
        """The inner packet and its next header."""
        if len(esp) < 8 + self.suite.iv_len + self.suite.icv_len + 2:
            raise BadPacket("short")
        header, iv, body = esp[:8], esp[8:8 + self.suite.iv_len], esp[8 + self.suite.iv_len:]
        seq = high << 32 | struct.unpack("!L", header[4:])[0]
        plain = self.suite.open(header, self.high(seq), iv, body)
        pad, next_header = plain[-2], plain[-1]
        if pad + 2 > len(plain):
            raise BadPacket("pad length")
        if plain[len(plain) - 2 - pad:-2] != bytes(range(1, pad + 1)):
            raise BadPacket("padding is not 1, 2, 3")
        if (len(plain) % 4) or (pad >= max(self.suite.block, 4)):
            raise BadPacket("more padding than the block asks for")
        return plain[:len(plain) - 2 - pad], next_header


def sas_of(*paths):
    """The ESP SAs that the add statements of setkey files make, by (SPI, destination)."""
    sas = {}
    for path in paths:
        with open(path, encoding="ascii") as file:
            text = re.sub(r"#[^\n]*", "", file.read())
        for statement in text.split(";"):
            words = statement.split()
            if words[:1] != ["add"] or words[3] != "esp":
                continue
            option = dict(zip(words, words[1:]))
            key = [k if k is None else key_bytes(k) for k in after(words, "-E")[1:2]]
            encr, integ = after(words, "-E")[0], after(words, "-A")
            suite = transform(encr, key[0] if key and encr != "null" else b"",
                              integ[0] if integ else "", key_bytes(integ[1]) if integ else b"")
            sa = Sa(words[1], words[2], int(words[4], 0), suite, "-esn" in option or "-esn" in words)
            sas[sa.spi, sa.dst] = sa
    return sas


def after(words, option):
    return words[words.index(option) + 1:] if option in words else []


def key_bytes(word):
    return bytes.fromhex(word[2:]) if word.startswith("0x") else word.strip('"').encode()


# ---- IP packets --------------------------------------------------------------------------------


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(src, dst, proto, payload, ttl=64, tos=0, df=True, ident=0, flags=None):
    """An IPv4 or IPv6 packet. flags: the whole IPv4 fragment field instead of df."""
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return struct.pack("!LHBB", 6 << 28 | tos << 20, len(payload), proto, ttl) + src.packed + dst.packed + payload
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident,
                       (0x4000 if df else 0) if flags is None else flags, ttl, proto, 0)
    head += src.packed + dst.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo(src, dst, proto, length):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return src.packed + dst.packed + struct.pack("!LL", length, proto)
    return src.packed + dst.packed + struct.pack("!HH", proto, length)


def udp(src, dst, sport, dport, payload, **fields):
    head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    total = checksum(pseudo(src, dst, 17, 8 + len(payload)) + head + payload) or 0xffff
    return ip(src, dst, 17, head[:6] + struct.pack("!H", total) + payload, **fields)


def tcp(src, dst, sport, dport, seq, payload, flags=0x10, ack=0, bad=0, **fields):
    """bad: XORed onto the checksum."""
    head = struct.pack("!HHLLBBHHH", sport, dport, seq, ack, 5 << 4, flags, 512, 0, 0)
    total = checksum(pseudo(src, dst, 6, 20 + len(payload)) + head + payload) ^ bad
    return ip(src, dst, 6, head[:16] + struct.pack("!H", total) + head[18:] + payload, **fields)


def echo(src, dst, ident=1, seq=1, payload=b"cygnet", reply=False, **fields):
    six = ":" in str(src)
    kind = (129 if reply else 128) if six else (0 if reply else 8)
    head = struct.pack("!BBHHH", kind, 0, 0, ident, seq)
    total = checksum((pseudo(src, dst, 58, 8 + len(payload)) if six else b"") + head + payload)
    return ip(src, dst, 58 if six else 1, head[:2] + struct.pack("!H", total) + head[4:] + payload, **fields)


def send_ip(packet):
    """Sends a whole IP packet, whatever its source address says."""
    if packet[0] >> 4 == 4:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(packet, (str(ipaddress.ip_address(packet[16:20])), 0))
    else:
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(packet, (str(ipaddress.ip_address(packet[24:40])), 0))


def send_esp(sa, esp, **fields):
    send_ip(ip(sa.src, sa.dst, ESP, esp, **fields))


class View:
    """What an IP packet's header says, and where its payload begins."""

    def __init__(self, data):
        self.data, self.version = data, data[0] >> 4
        if self.version == 4:
            self.proto, self.at = data[9], (data[0] & 15) * 4
            self.src, self.dst = (ipaddress.ip_address(data[i:i + 4]) for i in (12, 16))
            self.fragment = struct.unpack("!H", data[6:8])[0] & 0x3fff
            self.len = struct.unpack("!H", data[2:4])[0]
        else:
            self.proto, self.at = data[6], 40
            self.src, self.dst = (ipaddress.ip_address(data[i:i + 16]) for i in (8, 24))
            self.fragment = 0
            self.len = 40 + struct.unpack("!H", data[4:6])[0]
        self.payload = data[self.at:self.len]
        self.ports = struct.unpack("!HH", self.payload[:4]) if self.proto in (6, 17) else None

    def is_chatter(self):
        """What a link says by itself: neighbours, routers, multicast listeners."""
        if self.version == 4 or self.proto == 0:
            return self.proto in (0, 2) and self.dst.is_multicast
        return self.proto == 58 and (130 <= self.payload[0] <= 137 or self.payload[0] == 143)

    def is_refusal_of_esp(self):
        """ICMP "protocol unreachable", of a kernel whose gateway is gone; it quotes ESP."""
        quoted = {4: 1, 6: 58}[self.version] == self.proto and View(self.payload[8:])
        return bool(quoted) and quoted.proto == ESP

    def content(self):
        """The bytes a user sent: behind the TCP, UDP or ICMP header."""
        if self.proto == 6:
            return self.payload[(self.payload[12] >> 4) * 4:]
        return self.payload[8:]

    def __str__(self):
        names = {1: "ICMP", 58: "ICMPv6", 6: "TCP", 17: "UDP", 50: "ESP"}
        ports = f" {self.ports[0]} > {self.ports[1]}" if self.ports else ""
        return f"{self.src} > {self.dst} {names.get(self.proto, self.proto)}{ports} {self.len} bytes"


def capture(path):
    """IP packets of a pcap file."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    link = struct.unpack(order + "L", data[20:24])[0] & 0xffff
    skip = {1: 14, 101: 0, 113: 16, 276: 20}[link]
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack(order + "L", data[at + 8:at + 12])[0]
        frame, at = data[at + 16:at + 16 + size], at + 16 + size
        kind = frame[12:14] if link == 1 else b"\x08\x00"
        if kind in (b"\x08\x00", b"\x86\xdd") and len(frame) > skip:
            yield frame[skip:]


# ---- what the keys' owner and the eavesdropper read --------------------------------------------


def opened(path, sas):
    """(outer view, seq, inner view) of each ESP packet whose SA is known; counts the others."""
    highs = {}
    for packet in capture(path):
        outer = View(packet)
        if outer.proto != ESP or outer.fragment:
            continue
        spi, seq = struct.unpack("!LL", outer.payload[:8])
        sa = sas.get((spi, outer.dst))
        if sa is None:
            raise BadPacket(f"no key for SPI {spi:#x} to {outer.dst}")
        inner, _ = sa.open(outer.payload, highs.get(sa, 0))
        yield outer, seq, View(inner)


def command_open(path, *files):
    count = 0
    for outer, seq, inner in opened(path, sas_of(*files)):
        count += 1
        if count <= 12:
            print(f"  {outer.src} > {outer.dst} seq {seq}:  {inner}")
    if not count:
        raise BadPacket("the capture holds no ESP packet")
    print(f"  {count} packets opened, every integrity check passed")


def command_eavesdrop(path, file, *texts):
    secrets = {}
    for _, _, inner in opened(path, sas_of(file)):
        for address in (inner.src, inner.dst):
            secrets[address.packed] = f"inner address {address}"
            secrets[str(address).encode()] = f"inner address {address} as text"
        if inner.ports:
            secrets[struct.pack("!HH", *inner.ports)] = f"inner ports {inner.ports}"
        content = inner.content()
        if len(content) >= 8 and len(secrets) < 5000:
            secrets[content[:8]] = "first bytes of a payload"
            secrets[content[-8:]] = "last bytes of a payload"
    for text in texts:
        secrets[text.encode()] = f"the text {text!r}"
    packets = list(capture(path))
    count = 0
    for view in map(View, packets):
        if view.proto != ESP and not view.is_chatter():
            raise BadPacket(f"not only ESP in the capture: {view}")
        count += view.proto == ESP
    if not count:
        raise BadPacket("the capture holds no ESP packet")
    wire = b"\xff".join(packets)
    for secret, what in secrets.items():
        if secret in wire:
            raise BadPacket(f"the capture shows {what}")
    print(f"  {count} ESP packets, {len(wire)} bytes searched for {len(secrets)} byte strings:"
          " no inner address, port pair or payload among them")


def command_nonces(*paths):
    seen, newest = {}, {}
    for path in paths:
        for view in map(View, capture(path)):
            if view.proto != ESP:
                continue
            spi, seq = struct.unpack("!LL", view.payload[:8])
            iv = view.payload[8:16]
            if (spi, view.dst, iv) in seen:
                raise BadPacket(f"SPI {spi:#x}: IV {iv.hex()} of seq {seq} stands in {path} again")
            seen[spi, view.dst, iv] = path
            last = newest.get((spi, view.dst), 0)
            if seq <= last:
                raise BadPacket(f"SPI {spi:#x}: seq {seq} follows {last}")
            newest[spi, view.dst] = seq
    if not seen:
        raise BadPacket("no ESP packet in the captures")
    print(f"  {len(seen)} nonces, no two alike; newest: " +
          ", ".join(f"{spi:#x} {seq}" for (spi, _), seq in sorted(newest.items(), key=str)))


def main():
    commands = {"open": command_open, "eavesdrop": command_eavesdrop, "nonces": command_nonces}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except BadPacket as bad:
        sys.exit(f"esp_witness: {bad}")


if __name__ == "__main__":
    main()
