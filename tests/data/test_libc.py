import os
import socket

import numpy as np
import pytest

from fasttricks.data import libc

pytestmark = pytest.mark.skipif(not libc.AVAILABLE, reason="not on this system")


def opened(path):
    return libc.open_file(np.frombuffer(os.fsencode(path) + b"\0", np.uint8))


def status_of(path):
    descriptor = opened(path)
    buffer = np.full(libc.STATUS_BYTES, 255, np.uint8)
    try:
        return libc.status(descriptor, buffer)
    finally:
        libc.close_file(descriptor)


@pytest.mark.parametrize("name", [b"a.jpg", b"\xff\xfe odd\n name", "Bücher".encode()])
@pytest.mark.parametrize("mtime_ns", [0, 1, 1_700_000_000_123_456_789, -1_500_000_000])
def test_status_is_that_of_os(tmp_path, name, mtime_ns):
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as file:
        file.write(bytes(70_000))
    os.utime(path, ns=(5, mtime_ns))
    found = os.stat(path)
    assert status_of(path) == (70_000, found.st_mtime_ns)
    assert found.st_mtime_ns == mtime_ns


def test_what_is_no_regular_file_has_no_status(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/null"):
        assert status_of(path) == (-1, 0)
    with socket.socket() as other:
        assert libc.status(other.fileno(), np.zeros(libc.STATUS_BYTES, np.uint8)) == (-1, 0)
    assert libc.status(-1, np.zeros(libc.STATUS_BYTES, np.uint8)) == (-1, 0)


def test_a_large_file_without_reading_it(tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(5 << 30)
    assert status_of(tmp_path / "sparse")[0] == 5 << 30


def test_reading(tmp_path):
    content = np.random.default_rng(0).bytes(1000)
    (tmp_path / "a").write_bytes(content)
    descriptor = opened(tmp_path / "a")
    room = np.zeros(300, np.uint8)
    assert libc.read_at(descriptor, room.ctypes.data, 250, 100) == 250
    assert room.tobytes() == content[100:350] + bytes(50)
    assert libc.read_at(descriptor, room.ctypes.data, 250, 900) == 100
    assert libc.read_at(descriptor, room.ctypes.data, 250, -1) == -1
    assert not os.get_inheritable(descriptor)
    libc.close_file(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert libc.read_at(descriptor, room.ctypes.data, 1, 0) == -1


def test_what_cannot_be_opened(tmp_path):
    assert opened(tmp_path / "nowhere") == -1
