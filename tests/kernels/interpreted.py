"""Triton's interpreter: a process of its own, for it is chosen when Triton loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_TOO_NEW = "only 0-dimensional arrays can be converted to Python scalars"
"""What NumPy 2.5 tells the interpreter of Triton before 3.7 or so, which asks for a number."""


def interpret(module: str, *arguments: object) -> str:
    """What `python -m module arguments` prints there; skips where the interpreter cannot."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if _TOO_NEW in done.stderr:
        pytest.skip("this Triton's interpreter does not work with this NumPy")
    assert done.returncode == 0, done.stderr
    return done.stdout
