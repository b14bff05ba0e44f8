"""Speaks with guest_agent.py, which runs inside the kernel peer."""
import json
import os
import socket
import time

PATIENCE = 90       # seconds: a busy machine lets the guest sleep for many
_client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Wrong(Exception):
    """What a case finds wrong, as text."""


def ask(order, body=b""):
    """One order to the agent in the guest, repeated until its own answer comes; the agent obeys once."""
    number, wait, deadline = os.urandom(8), 0.5, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        _client.sendto(number + order + body, ("192.0.2.2", 9999))
        until, wait = time.monotonic() + wait, min(2 * wait, 8)
        while (left := until - time.monotonic()) > 0:
            _client.settimeout(left)
            try:
                answer = _client.recv(65536)
            except socket.timeout:
                break
            if answer[:8] == number:
                if answer[8:9] != b"+":
                    raise Wrong(f"in the guest: {answer[9:].decode()}")
                return answer[9:]
    raise Wrong(f"the guest does not answer in {PATIENCE} s")


def ask_json(order, *values):
    return json.loads(ask(order, json.dumps(values).encode()))


def guest(script):
    status, _, text = ask(b"X", script.encode()).decode().partition("\n")
    if status != "0":
        raise Wrong(f"in the guest: {text}")
    return text
