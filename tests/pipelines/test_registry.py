import subprocess
import sys
from pathlib import Path

import pytest

import fasttricks
from fasttricks.errors import (
    DataError,
    FasttricksError,
    MissingExtraError,
    UnknownNameError,
)
from fasttricks.pipelines import registry

ROOT = Path(__file__).resolve().parents[2]


def test_an_unknown_pipeline_lists_the_known_ones():
    with pytest.raises(
        UnknownNameError,
        match=r"'dalli'; did you mean dali\? known: torchvision, roi, .*dali, ffcv",
    ):
        fasttricks.make_loader("dalli", "nowhere", batch_size=1)


def test_a_missing_extra_is_named(monkeypatch):
    entry = registry.Entry(
        "fasttricks.pipelines.dali.loader", "DaliLoader", ("no_such.package",), "dali"
    )
    monkeypatch.setitem(registry.REGISTRY, "dali", entry)
    state = fasttricks.pipelines()["dali"]
    assert not state.available
    assert "fasttricks[dali]" in state.reason
    with pytest.raises(MissingExtraError, match=r"pip install 'fasttricks\[dali\]'"):
        fasttricks.make_loader("dali", "nowhere", batch_size=1)


def test_a_missing_system_library_is_named(monkeypatch):
    monkeypatch.setattr(registry, "find_turbojpeg", lambda: None)
    entry = registry.Entry("fasttricks.pipelines.roi.loader", "RoiLoader", turbojpeg=True)
    monkeypatch.setitem(registry.REGISTRY, "roi", entry)
    state = fasttricks.pipelines()["roi"]
    assert not state.available
    assert "libturbojpeg is missing" in state.reason
    with pytest.raises(FasttricksError, match="pipeline roi: the system library libturbojpeg is"):
        fasttricks.make_loader("roi", "nowhere", batch_size=1)


def test_a_package_may_do_instead_of_a_library(monkeypatch):
    monkeypatch.setattr(registry, "find_turbojpeg", lambda: None)
    lacking = {"turbojpeg": True, "extra": "roi"}
    entry = registry.Entry(
        "fasttricks.pipelines.roi.loader", "RoiLoader", **lacking, instead="json"
    )
    monkeypatch.setitem(registry.REGISTRY, "roi", entry)
    assert fasttricks.pipelines()["roi"].available
    entry = registry.Entry(
        "fasttricks.pipelines.roi.loader", "RoiLoader", **lacking, instead="no_such"
    )
    monkeypatch.setitem(registry.REGISTRY, "roi", entry)
    reason = fasttricks.pipelines()["roi"].reason
    assert "apt-get install libturbojpeg0" in reason  # the two ways to get one
    assert "pip install 'fasttricks[roi]' for no_such" in reason


def test_bad_data_is_a_named_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        fasttricks.make_loader("torchvision", tmp_path / "gone", batch_size=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rank": 0}, "both rank and world_size"),
        ({"device": "gpu"}, "device must be cpu or cuda"),
        ({"augment": 3}, "augment must be"),
        ({"augment": {}}, "augment must be .*; got {}"),
        ({"dtype": 0}, "dtype must be one of .*; got 0"),
        ({"seed": "x"}, "seed must be"),
        ({"device": 3.5}, r"device must be cpu or cuda\[:n\]; got 3.5"),
        ({"finish": None}, "unknown finish None; .*auto, graph, fused"),
        ({"finish": "graph"}, 'finish="graph" is for dali only; pipeline torchvision'),
        ({"finish": "fused"}, 'finish="fused" is for dali only; pipeline torchvision'),
        ({"mix": [fasttricks.Mixup()] * 2}, "only the first of several can mix"),
    ],
)
def test_bad_settings_are_named(wrong, message):
    samples = fasttricks.Samples([b"", b""])
    with pytest.raises(ValueError, match=message):
        fasttricks.make_loader("torchvision", samples, batch_size=1, **wrong)


@pytest.mark.parametrize(
    ("setting", "instead"),
    [
        ("num_workers", "give num_threads, whose default fits$"),
        ("pin_memory", "leave it out: loaders see to it$"),
        ("shuffle", "train=True shuffles"),
        ("sampler", r"Samples\.take\(indices\)"),
        ("transform", "give augment="),
        ("collate_fn", "give mix="),
        ("batchsize", r"did you mean batch_size\? known: name, data, batch_size, .*, finish$"),
    ],
)
def test_settings_of_others_are_told_what_takes_their_place(setting, instead):
    with pytest.raises(TypeError, match=f"^make_loader has no '{setting}'; .*{instead}"):
        fasttricks.make_loader("roi", fasttricks.Samples([b""]), batch_size=1, **{setting: 1})


def test_what_takes_the_place_of_others_is_documented():
    page = (ROOT / "docs/integrations/index.md").read_text()
    assert [setting for setting in registry.ELSEWHERE if f"`{setting}`" not in page] == []


def test_a_bad_environment_is_named(monkeypatch):
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(ValueError, match="RANK must be an integer"):
        fasttricks.make_loader("torchvision", fasttricks.Samples([b""]), batch_size=1)


def test_data_of_another_type_is_named():
    with pytest.raises(DataError, match=r"path or fasttricks\.Samples; got list"):
        fasttricks.make_loader("torchvision", [b"a"], batch_size=1)


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
