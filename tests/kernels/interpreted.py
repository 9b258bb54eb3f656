"""What a process with TRITON_INTERPRET=1 came to."""

import subprocess

import pytest

_TOO_NEW = "only 0-dimensional arrays can be converted to Python scalars"
"""What NumPy 2.5 tells the interpreter of Triton before 3.7 or so, which asks for a number."""


def succeeded(done: subprocess.CompletedProcess) -> None:
    """Assert that it did its work; skip where Triton's interpreter cannot."""
    if _TOO_NEW in done.stderr:
        pytest.skip("this Triton's interpreter does not work with this NumPy")
    assert done.returncode == 0, done.stderr
