"""Where compiled kernels are kept: one folder for one state of what they depend on."""

from pathlib import Path

import numba
import numpy as np
import pytest

from fasttricks.cache import cache_dir
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
    assert double._cache.cache_path.startswith(str(cache_dir() / folder()))
    assert double(np.int64(4)) == 8


def test_constants_of_callers_are_numbers_like_any_other():
    """A kernel is compiled once for all of them, and gives the same."""

    @kernel
    def plus(x, y):
        return x + y

    @kernel
    def some(x):
        return plus(x, 1) + plus(x, 2) + plus(3, y=x) + plus(x, x)

    assert some(np.int64(10)) == 56
    assert len(plus.signatures) == 1


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_division_by_zero_is_ieees(value):
    @kernel
    def over(x):
        return 1.0 / x

    assert over(value) == (np.inf if value == 0 else 1 / value)


@pytest.fixture
def notices(monkeypatch):
    """A notice that has not been given, with a clock of its own."""
    monkeypatch.setattr(jit.NOTICES, "told", False)
    monkeypatch.setattr(jit.NOTICES, "_seconds", 0.0)
    monkeypatch.delenv("RANK", raising=False)
    jit.tell.cache_clear()
    return jit.NOTICES


def compiled_anew():
    """A kernel that is in no cache, and its callee."""

    @kernel
    def inner(x):
        return x + 1

    @kernel
    def outer(x):
        return inner(x) * 2

    for one in (inner, outer):
        one._cache = numba.core.caching.NullCache()
    assert outer(np.int64(2)) == 6


def test_compiling_is_said_once_where_it_takes_long(notices, monkeypatch, capsys):
    compiled_anew()
    assert capsys.readouterr().err == ""
    assert 0 < notices._seconds < jit.PATIENCE
    assert not any(notices._began.values())
    monkeypatch.setattr(jit, "PATIENCE", 0.0)
    compiled_anew()
    compiled_anew()
    assert capsys.readouterr().err.splitlines() == [jit.NOTICE]


def test_short_ones_add_up(notices, monkeypatch, capsys):
    monkeypatch.setattr(notices, "_seconds", jit.PATIENCE)
    compiled_anew()
    assert jit.NOTICE in capsys.readouterr().err


def test_other_processes_and_other_peoples_functions_are_not_spoken_of(
    notices, monkeypatch, capsys
):
    monkeypatch.setattr(jit, "PATIENCE", 0.0)
    numba.njit(lambda x: x + 1)(1)
    assert not notices.told
    monkeypatch.setenv("RANK", "1")
    compiled_anew()
    assert notices.told
    assert capsys.readouterr().err == ""


def test_a_folder_that_is_used_is_noted(monkeypatch):
    noted = []
    monkeypatch.setattr(jit, "use", noted.append)
    jit._used.__wrapped__(HERE)
    assert noted == [cache_dir() / folder()]


def test_a_kernel_in_a_sub_package_sees_edits_of_the_whole_package():
    from fasttricks.data.seek import build
    from fasttricks.kernels.jpeg.cut import cut
    from fasttricks.pipelines.roi.loader import RoiLoader

    root = HERE.parents[1]
    assert jit._home(cut.py_func) == root / "kernels"
    assert jit._home(RoiLoader.close) == root / "pipelines"
    assert jit._home(build.build_index) == root / "fasttricks" / "data"
    assert jit._home(folder) == HERE
