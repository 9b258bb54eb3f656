import subprocess
import sys

import pytest

import fasttricks
from fasttricks.errors import DataError, MissingExtraError, UnknownNameError
from fasttricks.pipelines import registry


def test_an_unknown_pipeline_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="'dalli'; known: torchvision, roi, dali, ffcv"):
        fasttricks.make_loader("dalli", "nowhere", batch_size=1)


def test_a_missing_extra_is_named(monkeypatch):
    entry = registry.Entry("fasttricks.pipelines.dali", "DaliLoader", ("no_such.package",), "dali")
    monkeypatch.setitem(registry.REGISTRY, "dali", entry)
    state = fasttricks.pipelines()["dali"]
    assert not state.available
    assert "fasttricks[dali]" in state.reason
    with pytest.raises(MissingExtraError, match=r"pip install 'fasttricks\[dali\]'"):
        fasttricks.make_loader("dali", "nowhere", batch_size=1)


def test_bad_data_is_a_named_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        fasttricks.make_loader("torchvision", tmp_path / "gone", batch_size=1)


def test_torchvision_is_always_there():
    assert fasttricks.pipelines()["torchvision"].available


def test_importing_fasttricks_imports_no_back_end():
    code = (
        "import sys, fasttricks, fasttricks.cli; fasttricks.pipelines();"
        "print([m for m in ('torch', 'numba', 'PIL', 'nvidia.dali', 'ffcv') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_exported_names_exist():
    assert all(getattr(fasttricks, name) is not None for name in fasttricks.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fasttricks.nothing
