"""Free loopback ports."""

import random
import socket

# Below the range from which systems take ports for outgoing connections, so that a stopped server finds its own again.
RANGE = range(20000, 32000)


def is_free(port):
    """Whether a server could listen on 127.0.0.1:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick(taken=()):
    """A free port that is not among `taken`."""
    while True:
        port = random.choice(RANGE)
        if port not in taken and is_free(port):
            return port
