"""Outer headers, ours beside the Linux kernel's, case by case; run by kernel.sh in the gateway's
namespace. The same inner packets go through both gateways, and the same sealed packets into both;
what the headers say must be equal but for the differences listed here, each with its reason.
"""
import ipaddress
import os
import subprocess
import sys
import time

import echo_listener
import esp_witness as witness
import outer_cases as cases
import xfrm_message as xfrm
from guest_client import ask, guest

BIN, WORK, CHOICE = sys.argv[1:4]
SOCKET = os.environ["CYGNET_SOCKET"]
NEAR, FAR = {4: "192.0.2.1", 6: "2001:db8::1"}, {4: "192.0.2.2", 6: "2001:db8::2"}
OURS, THEIRS = {4: "10.1.0.1", 6: "fd00:1::1"}, {4: "10.2.0.2", 6: "fd00:2::2"}
LISTENER = """
import os, sys
sys.path.insert(0, "{lib}")
import echo_listener
sockets = echo_listener.listeners()
print("ready", flush=True)
found = echo_listener.heard(sockets, lambda: os.path.exists("/run/enough"))
for tag, tos in found.items():
    if tag[:1] == b"#":
        print(tag.decode(), tos)
print("end", flush=True)
"""


def outward_difference(inner_version, flags, field, tos, size, ours, theirs):
    """Why the two may say different things; None: they may not."""
    if field == "df" and inner_version == 6 and size <= 1280 and not flags & cases.NOPMTUDISC and (ours, theirs) == (False, True):
        return "we let up to 1280 bytes of IPv6 be fragmented outside, as RFC 8200 5 implies and newer kernels do"
    if field == "tos" and tos & 3 == cases.CE and ours == theirs | 1 and not flags & cases.NOECN:
        return "RFC 6040 4.1 copies CE outwards, the kernel (RFC 3168) makes it ECT(0)"
    if field == "label" and inner_version == 6 and theirs == cases.FLOW_LABEL:
        return "the kernel shows the inner flow label to the wire, we show one label per peer"
    if field == "label" and inner_version == 4 and theirs == 0:
        return "for IPv4 inside the kernel's label is 0, ours the one per peer"
    return None


def inward_difference(flags, inner, outer, ours, theirs):
    if flags & cases.NOECN or theirs is None:
        return None
    if inner & 3 == cases.NOT_ECT and outer & 3 == cases.CE and ours is None:
        return "RFC 6040 4.2 drops CE over Not-ECT, the kernel delivers it unmarked"
    if inner & 3 == cases.ECT0 and outer & 3 == cases.ECT1 and ours is not None and (ours & 3, theirs & 3) == (1, 2):
        return "RFC 6040 4.2 takes ECT(1) over ECT(0), the kernel leaves ECT(0)"
    return None


class Round:
    """One mix of families and one set of flags."""
    spi = 0x5000

    def __init__(self, option, inner, outer):
        self.name, self.flags, self.extra, self.words = option
        self.inner, self.outer = inner, outer
        Round.spi += 2
        self.out = self.sa(NEAR[outer], FAR[outer], Round.spi)
        self.back = self.sa(FAR[outer], NEAR[outer], Round.spi + 1)

    @staticmethod
    def sa(src, dst, spi):
        key = os.urandom(20)
        sa = witness.Sa(src, dst, spi, witness.transform("aes-gcm-16", key))
        sa.key = key
        return sa

    def load(self):
        near, far, us, them = NEAR[self.outer], FAR[self.outer], OURS[self.inner], THEIRS[self.inner]
        rules = (f"flush; spdflush;\nspdadd {us} {them} any -P out ipsec esp/tunnel/{near}-{far}/require;\n"
                 f"spdadd {them} {us} any -P in ipsec esp/tunnel/{far}-{near}/require;\n")
        subprocess.run([f"{BIN}/setkey", "-c"], input=rules.encode(), check=True)
        lines = ["ip xfrm state flush; ip xfrm policy flush; set -e"]
        for sa in (self.out, self.back):
            xfrm.add_sa(SOCKET, str(sa.src), str(sa.dst), sa.spi, [(xfrm.AEAD, "rfc4106(gcm(aes))", sa.key, 128)],
                        64, False, self.flags, self.extra)
            flag_words = self.words.replace("flag ", "", 1) if self.words.startswith("flag ") else ""
            rest = self.words if not self.words.startswith("flag ") else ""
            if " extra-flag " in flag_words:
                flag_words, rest = flag_words.split(" extra-flag ")
                rest = f"extra-flag {rest}"
            lines.append(f"ip xfrm state add src {sa.src} dst {sa.dst} proto esp spi {sa.spi:#x} mode tunnel "
                         f"replay-window 64 flag af-unspec {flag_words} {rest} aead 'rfc4106(gcm(aes))' 0x{sa.key.hex()} 128")
        for src, dst, a, b, direction in ((us, them, near, far, "in"), (us, them, near, far, "fwd"), (them, us, far, near, "out")):
            lines.append(f"ip xfrm policy add src {src} dst {dst} dir {direction} tmpl src {a} dst {b} proto esp mode tunnel")
        guest("\n".join(lines))

    def outward(self):
        """{tag: header} of both, read from the cable between the two."""
        path = f"{WORK}/outer.pcap"
        with open(f"{WORK}/outer.err", "wb") as err:
            dump = subprocess.Popen(["tcpdump", "-Z", "root", "-i", "kp0", "--immediate-mode", "-U", "-s", "2000",
                                     "-B", "8192", "-w", path, "ip proto 50 or ip6 proto 50"],
                                    stdout=subprocess.DEVNULL, stderr=err)
        while b"listening on" not in open(f"{WORK}/outer.err", "rb").read():
            time.sleep(0.02)
        from_them = []
        for tag, tos, df, size in cases.outward():
            us, them = OURS[self.inner], THEIRS[self.inner]
            witness.send_ip(cases.inner_packet(us, them, tag, tos, df, size))
            from_them.append(cases.inner_packet(them, us, tag, tos, df, size))
        ask(b"C", b"".join(from_them))
        time.sleep(0.3)
        dump.send_signal(2)
        dump.wait()
        ours, theirs = {}, {}
        for packet in witness.capture(path):
            view = witness.View(packet)
            sa, found = (self.out, ours) if view.src == self.out.src else (self.back, theirs)
            tag = cases.tag_of(sa.open(view.payload)[0])
            if tag:
                found[tag] = cases.header_of(packet)
        return ours, theirs

    def inward(self):
        """{tag: tos} of both: what comes out of the tunnel."""
        # Carried over as text: a tree below /tmp or /run is not to be seen in the guest.
        with open(echo_listener.__file__, encoding="utf-8") as source:
            guest(f"mkdir -p /run/lib; cat > /run/lib/echo_listener.py <<'PYTHON'\n{source.read()}\nPYTHON")
        listener = LISTENER.format(lib="/run/lib")
        guest(f"rm -f /run/enough /run/heard; python3 - > /run/heard 2>&1 <<'PYTHON' &\n{listener}\nPYTHON\n"
              "while ! grep -qs ready /run/heard; do sleep 0.05; done")
        sockets, from_them = echo_listener.listeners(), []
        for number, (tag, inner, outer) in enumerate(cases.inward(), 5000):
            us, them = OURS[self.inner], THEIRS[self.inner]
            to_them = self.out.seal(cases.inner_packet(us, them, tag, inner), number)
            to_us = self.back.seal(cases.inner_packet(them, us, tag, inner), number)
            witness.send_ip(witness.ip(self.out.src, self.out.dst, witness.ESP, to_them, tos=outer))
            from_them.append(witness.ip(self.back.src, self.back.dst, witness.ESP, to_us, tos=outer))
        ask(b"Q", b"".join(from_them))
        ours = {tag.decode(): tos for tag, tos in echo_listener.heard(sockets, lambda: True).items() if tag[:1] == b"#"}
        text = guest("touch /run/enough; while ! grep -q end /run/heard; do sleep 0.05; done; cat /run/heard")
        theirs = {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if line[:1] == "#"}
        return ours, theirs

    def compare(self, reasons):
        self.load()
        wrong, count = [], 0
        ours, theirs = self.outward()
        for tag, tos, df, size in cases.outward():
            if tag not in ours or tag not in theirs:
                wrong.append(f"{tag}: sent by us {tag in ours}, by the kernel {tag in theirs}")
                continue
            for field in ("tos", "df", "ttl", "label"):
                count += 1
                a, b = ours[tag][field], theirs[tag][field]
                why = a == b or outward_difference(self.inner, self.flags, field, tos, size, a, b)
                if not why:
                    wrong.append(f"{tag} {field}: ours {a}, the kernel's {b}")
                elif why is not True:
                    reasons[why] = reasons.get(why, 0) + 1
        ours, theirs = self.inward()
        for tag, inner, outer in cases.inward():
            count += 1
            a, b = ours.get(tag), theirs.get(tag)
            why = a == b or inward_difference(self.flags, inner, outer, a, b)
            if not why:
                wrong.append(f"{tag}: out of our tunnel {a}, out of the kernel's {b}")
            elif why is not True:
                reasons[why] = reasons.get(why, 0) + 1
        return count, wrong


def main():
    failures, reasons, total = 0, {}, 0
    for option, inner, outer in cases.FEW if CHOICE == "--outer-few" else cases.ALL:
        one = Round(option, inner, outer)
        count, wrong = one.compare(reasons)
        total += count
        failures += bool(wrong)
        print(f"{'FAILED' if wrong else 'ok'} outer headers: SA flags {one.name}, IPv{inner} in IPv{outer}: "
              f"{count} fields", *wrong, sep="\n  " if wrong else " ", flush=True)
    for why, times in sorted(reasons.items()):
        print(f"differs as meant, {times} times: {why}")
    print(f"{total} fields of outer and inner headers compared with the Linux kernel's")
    sys.exit(1 if failures else 0)


main()
