"""Where compiled kernels are kept: one folder for one state of what they depend on."""

from pathlib import Path

import numba
import numpy as np
import pytest

from fasttricks.kernels import jit
from fasttricks.kernels.jit import kernel

HERE = Path(__file__).resolve().parent


def folder():
    return jit._folder.__wrapped__(HERE)


def test_an_edit_beside_the_function_is_another_folder(tmp_path):
    (tmp_path / "one.py").write_text("x = 1")
    before = jit._folder.__wrapped__(tmp_path)
    assert jit._folder.__wrapped__(tmp_path) == before
    (tmp_path / "one.py").write_text("x = 2")
    assert jit._folder.__wrapped__(tmp_path) != before


def test_code_that_checks_indices_is_kept_apart(monkeypatch):
    """NUMBA_BOUNDSCHECK=1 must not find what was compiled without, nor leave its own behind."""
    before = folder()
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    assert folder() != before


def test_a_kernel_is_kept_there_and_leaves_numbas_setting_alone():
    before = numba.config.CACHE_DIR

    @kernel
    def double(x):
        return 2 * x

    assert before == numba.config.CACHE_DIR
    assert double._cache.cache_path.startswith(folder())
    assert double(np.int64(4)) == 8


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_division_by_zero_is_ieees(value):
    @kernel
    def over(x):
        return 1.0 / x

    assert over(value) == (np.inf if value == 0 else 1 / value)
