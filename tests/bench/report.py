"""Medians, spread and the ratios that matter, of the samples measure.py took: printed, and written as
JSON. Nothing here passes or fails: what was aimed for stands beside each ratio.

    report.py FILE      prints a result file again"""

import json
import statistics
import sys

# (what, metric, tunnel, measured against, aim, True if more is better)
RATIOS = [
    ("ESP in UDP, OpenSSL", "tcp nogso Gb/s", "udp-openssl", "openvpn", 3, True),
    ("ESP in UDP, OpenSSL", "tcp gso Gb/s", "udp-openssl", "openvpn", 8, True),
    ("ESP in UDP, IPSec-MB", "tcp nogso Gb/s", "udp-ipsec-mb", "openvpn", 3.5, True),
    ("ESP in UDP, IPSec-MB", "tcp gso Gb/s", "udp-ipsec-mb", "openvpn", 10, True),
    ("raw sockets, OpenSSL", "tcp nogso Gb/s", "raw-openssl", "openvpn", 2.4, True),
    ("raw sockets, IPSec-MB", "tcp nogso Gb/s", "raw-ipsec-mb", "openvpn", 2.4, True),
    ("fast raw, OpenSSL", "tcp nogso Gb/s", "fast-openssl", "openvpn", 3.5, True),
    ("fast raw, IPSec-MB", "tcp nogso Gb/s", "fast-ipsec-mb", "openvpn", 4, True),
    ("raw sockets", "64 B kpps", "raw-openssl", "openvpn", 1.2, True),
    ("fast raw", "64 B kpps", "fast-openssl", "openvpn", 1.6, True),
    ("ESP in UDP", "64 B kpps", "udp-openssl", "openvpn", 1.6, True),
    ("raw sockets", "cpu nogso s/GB", "raw-openssl", "openvpn", 0.45, False),
    ("fast raw", "cpu nogso s/GB", "fast-openssl", "openvpn", 0.25, False),
    ("ESP in UDP", "cpu nogso s/GB", "udp-openssl", "openvpn", 0.25, False),
    ("ESP in UDP", "cpu gso s/GB", "udp-openssl", "openvpn", 0.25, False),
    ("raw sockets", "ping p50 us", "raw-openssl", "openvpn", 1, False),
    ("ESP in UDP", "ping p50 us", "udp-openssl", "openvpn", 1, False),
]


def median(samples, tunnel, metric):
    values = samples.get(tunnel, {}).get(metric)
    return statistics.median(values) if values else None


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratios(samples):
    found = []
    for what, metric, tunnel, against, aim, more in RATIOS:
        ours, theirs = median(samples, tunnel, metric), median(samples, against, metric)
        if ours is None or not theirs:
            continue
        ratio = ours / theirs
        found.append({"what": what, "metric": metric, "tunnel": tunnel, "against": against, "ratio": ratio,
                      "aim": aim, "reached": ratio >= aim if more else ratio <= aim})
    return found


def show(result):
    samples = result["samples"]
    conditions = result["conditions"]
    print(f"{conditions['cores']} cores, Linux {conditions['kernel']}, {conditions['rounds']} rounds of {conditions['seconds']:g} s;"
          f" others used {100 * conditions['noise']:.0f}% of the machine before")
    metrics = list(dict.fromkeys(m for tunnel in samples.values() for m in tunnel))
    for metric in metrics:
        print(f"\n{metric}: median (min-max)")
        for name, values in samples.items():
            if metric in values:
                v = values[metric]
                print(f"    {name:16} {number(statistics.median(v)):>7}  ({number(min(v))}-{number(max(v))})")
    print("\nratios, and what was aimed for")
    for r in result["ratios"]:
        print(f"    {r['what']:22} {r['metric']:16} {r['ratio']:6.2f} x {r['against']}  aim {r['aim']:<5}{'' if r['reached'] else ' NOT REACHED'}")


def write(samples, conditions, path):
    result = {"bench": "tunnels", "conditions": conditions, "samples": samples, "ratios": ratios(samples)}
    with open(path, "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
    show(result)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as given:
        show(json.load(given))
