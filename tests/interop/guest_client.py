"""Speaks with guest_agent.py, which runs inside the kernel peer."""
import socket


class Wrong(Exception):
    """What a case finds wrong, as text."""


def ask(order, body=b"", tries=3, seconds=10):
    """One order to the agent in the guest. Sent again when no answer came: a P twice shows as a
    counter that did not move."""
    for _ in range(tries):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(seconds)
            client.sendto(order + body, ("192.0.2.2", 9999))
            try:
                return client.recv(65536)
            except socket.timeout:
                pass
    raise Wrong("the guest does not answer")


def guest(script):
    # The agent may only just be starting: a question that changes nothing is asked until it answers.
    ask(b"S", tries=60, seconds=1)
    # Once, and with patience: a script that starts something must not start it twice because a busy
    # machine was slow to answer.
    answer = ask(b"X", script.encode(), tries=1, seconds=90)
    status, _, text = answer.decode().partition("\n")
    if status != "0":
        raise Wrong(f"in the guest: {text}")
    return text
