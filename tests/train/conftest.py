"""What tests of training need beside pictures."""

import socket

import pytest


@pytest.fixture
def free_port():
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
