"""The measurements of tests/bench/run.sh: visits every tunnel in turn, round after round, so that noise
hits all alike, and hands the samples to report.py.

    measure.py --lab PREFIX --tunnels FILE --blast PROGRAM --out FILE [--quick] [--rounds N] [--seconds S]

A line of the tunnels file: name, tab, pids of its gateway processes with commas between (or "-")."""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time

import report

FAR = "10.2.0.2"
LOSS_MAX = 0.001
SMALL = 64
RATE_FIRST, RATE_LAST = 20_000, 640_000
OFFLOADS = {
    "gso": "tso on gso on tx-udp-segmentation on gro off",
    "nogso": "tso off gso off tx-udp-segmentation off gro off",
    "nogso+gro": "tso off gso off tx-udp-segmentation off gro on",
}


class Tunnel:
    def __init__(self, lab, line):
        self.name, pids = line.rstrip("\n").split("\t")
        self.pids = [] if pids == "-" else pids.split(",")
        self.lab = lab

    def inside(self, where, *command):
        return ["ip", "netns", "exec", f"{self.lab}{self.name}-{where}", *map(str, command)]

    def offloads(self, mode):
        for gateway in ("gwA", "gwB"):
            subprocess.run(self.inside(gateway, "ethtool", "-K", "pub0", *OFFLOADS[mode].split()),
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def busy_seconds():
    """CPU of the whole machine so far: user, nice, system, irq and softirq."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(f) for f in stat.readline().split()[1:]]
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Cpu:
    """What the machine spent, less what the load generators (our children) did."""

    def __enter__(self):
        self.machine, self.generators = busy_seconds(), children_seconds()
        return self

    def __exit__(self, *unused):
        self.seconds = busy_seconds() - self.machine - (children_seconds() - self.generators)


def start_server(tunnel):
    server = subprocess.Popen(tunnel.inside("hostB", "iperf3", "-s", "-1", "--forceflush"), stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        if "listening" in line:
            return server
    sys.exit(f"measure: iperf3 -s ended at once in {tunnel.name}")


def tcp(tunnel, seconds):
    with Cpu() as cpu:
        server = start_server(tunnel)
        client = subprocess.run(tunnel.inside("hostA", "iperf3", "-c", FAR, "-t", seconds, "-J"), stdout=subprocess.PIPE, text=True)
        if client.returncode != 0:
            server.kill()
        server.communicate()
    result = json.loads(client.stdout)
    if "error" in result:
        sys.exit(f"measure: iperf3 through {tunnel.name}: {result['error']}")
    received = result["end"]["sum_received"]
    return received["bits_per_second"] / 1e9, cpu.seconds / (received["bytes"] / 1e9)


def ping_times(tunnel, interval, count):
    ping = subprocess.run(tunnel.inside("hostA", "ping", "-n", "-i", interval, "-c", count, "-W", 1, FAR), stdout=subprocess.PIPE, text=True)
    times = sorted(float(t) * 1000 for t in re.findall(r"time=([0-9.]+) ms", ping.stdout))
    if not times:
        sys.exit(f"measure: no ping through {tunnel.name}")
    return times


def loaded_ping(tunnel, seconds):
    server = start_server(tunnel)
    client = subprocess.Popen(tunnel.inside("hostA", "iperf3", "-c", FAR, "-t", seconds + 1), stdout=subprocess.DEVNULL)
    time.sleep(0.5) # TCP's start is another matter
    times = ping_times(tunnel, 0.004, int(seconds / 0.004))
    client.wait()
    server.communicate()
    return times[int(len(times) * 0.99)]


def blast(tunnel, program, rate, seconds):
    """Offered rate and the share that was lost."""
    counter = subprocess.Popen(tunnel.inside("hostB", program, "count", 5201), stdout=subprocess.PIPE, text=True)
    counter.stdout.readline()
    sender = subprocess.run(tunnel.inside("hostA", program, "send", FAR, 5201, SMALL, rate, seconds), stdout=subprocess.PIPE, text=True, check=True)
    sent = json.loads(sender.stdout)["sent"]
    try:
        received = json.loads(counter.communicate(timeout=5)[0])["received"]
    except subprocess.TimeoutExpired: # the end marks were lost, too
        counter.kill()
        counter.wait()
        return sent / seconds, 1.0
    return sent / seconds, 1 - received / sent


def small_packets(tunnel, program, seconds):
    """The highest offered rate of which no more than LOSS_MAX is lost, each tried twice, and that loss."""
    def carries(rate):
        for _ in range(2):
            offered, loss = blast(tunnel, program, rate, seconds)
            if loss <= LOSS_MAX and offered > 0.95 * rate:
                return offered, loss
        return None

    best, low, high = (0, 1.0), 0, RATE_FIRST
    while high <= RATE_LAST and (found := carries(high)):
        best, low, high = found, high, high * 2
    for _ in range(4): # downwards, where even the first was too much
        middle = (low + high) / 2
        if found := carries(middle):
            best, low = found, middle
        else:
            high = middle
    return best


def rss_mb(tunnel):
    """The larger of the gateways' processes."""
    peak = 0
    for pid in tunnel.pids:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            peak = max(peak, *(int(line.split()[1]) for line in status if line.startswith("VmRSS")))
    return peak / 1024


def idle_cpu(tunnel, seconds):
    """Cores the gateway processes burn when nothing happens."""
    def used():
        ticks = 0
        for pid in tunnel.pids:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")
    before = used()
    time.sleep(seconds)
    return (used() - before) / seconds


def one_round(tunnels, options, add):
    for mode in options.modes:
        for tunnel in tunnels:
            tunnel.offloads(mode)
            gbps, cpu = tcp(tunnel, options.seconds)
            add(tunnel, f"tcp {mode} Gb/s", gbps)
            add(tunnel, f"cpu {mode} s/GB", cpu)
    for tunnel in tunnels:
        tunnel.offloads("nogso")
        times = ping_times(tunnel, 0.001, 300 if options.quick else 1000)
        add(tunnel, "ping p50 us", times[len(times) // 2])
        add(tunnel, "loaded ping p99 us", loaded_ping(tunnel, options.seconds))
        rate, loss = small_packets(tunnel, options.blast, 0.3 if options.quick else 0.5)
        add(tunnel, "64 B kpps", rate / 1000)
        add(tunnel, "64 B loss %", loss * 100)
        if tunnel.pids:
            add(tunnel, "rss MB", rss_mb(tunnel))
            add(tunnel, "idle cores", idle_cpu(tunnel, 0.3 if options.quick else 1))


def noise():
    """Share of the machine somebody else uses before we begin."""
    before = busy_seconds()
    time.sleep(1)
    return (busy_seconds() - before) / os.cpu_count()


def main():
    parser = argparse.ArgumentParser()
    for option in ("--lab", "--tunnels", "--blast", "--out"):
        parser.add_argument(option, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.modes = ["gso", "nogso"] if options.quick else list(OFFLOADS)
    with open(options.tunnels, encoding="utf-8") as lines:
        tunnels = [Tunnel(options.lab, line) for line in lines]
    samples = {t.name: {} for t in tunnels}
    conditions = {"noise": noise(), "cores": os.cpu_count(), "kernel": os.uname().release, "rounds": options.rounds, "seconds": options.seconds}
    for number in range(options.rounds):
        one_round(tunnels, options, lambda t, what, value: samples[t.name].setdefault(what, []).append(value))
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    report.write(samples, conditions, options.out)


if __name__ == "__main__":
    main()
