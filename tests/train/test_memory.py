"""What is freed stays in the process, unless somebody has set its allocator."""

import ctypes
import os
import subprocess
import sys

import pytest

from fasttricks.train import memory
from fasttricks.train.memory import keep_memory

KEPT = """
import ctypes, sys
from fasttricks.train.memory import keep_memory
if sys.argv[1] == "keep":
    assert keep_memory()
class Info(ctypes.Structure):  # struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd",
        "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
    )]
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
libc.mallinfo2.restype = Info
blocks = [libc.malloc(20 << 20) for _ in range(8)]
for block in blocks:
    libc.free(block)
info = libc.mallinfo2()
print(info.arena + info.hblkhd)
"""


def environment():
    mine = ("MALLOC_", "GLIBC_TUNABLES")
    return {k: v for k, v in os.environ.items() if not k.startswith(mine)}


def kept(mode):
    """Bytes that a process still has from the system after 160 MiB were freed."""
    run = [sys.executable, "-c", KEPT, mode]
    return int(subprocess.run(run, env=environment(), capture_output=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="no glibc, or an old one")
def test_what_is_freed_stays():
    assert kept("keep") >= 160 << 20
    assert kept("as it is") < 40 << 20


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_what_the_environment_says_stays(monkeypatch, name):
    monkeypatch.setattr(memory, "_mallopt", lambda: pytest.fail("was asked for"))
    monkeypatch.setenv(name, "1")
    assert not keep_memory()


def test_another_c_library_is_left_alone(monkeypatch):
    for name in list(os.environ):
        if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES":
            monkeypatch.delenv(name)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_memory()
