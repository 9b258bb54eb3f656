"""Each peer, through the child process that a bench gives it, on a few pictures."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from fasttricks.bench.child import Settings
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.contender import Contender
from fasttricks.bench.files import open_files
from fasttricks.bench.packs import make_pack
from fasttricks.bench.process import Guard
from fasttricks.bench.rows import PEERS, plan_rows

TF_PYTHON = os.environ.get("FASTTRICKS_TF_PYTHON")


def has(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def interpreter(name: str) -> Path | None:
    """The interpreter for a peer; skips where there is none that has its package."""
    if has(PEERS[name].package):
        return None
    if name == "tf-data" and TF_PYTHON:
        return Path(TF_PYTHON)
    pytest.skip(f"{PEERS[name].package} is not installed (for tf-data set FASTTRICKS_TF_PYTHON)")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize(
    ("name", "work", "train", "dtype"),
    [
        ("stock-torchvision", "full", True, "float32"),
        ("stock-dali", "full", True, "float32"),
        ("stock-dali", "decode", False, "uint8"),
        ("timm", "decode", True, "uint8"),
        ("stock-ffcv", "decode", True, "uint8"),
        ("tf-data", "full", True, "float32"),
        ("tf-data", "decode", False, "uint8"),
    ],
)
def test_batches_of_a_peer(
    picture_folder: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    marked: Callable[[], list[int]],
    name: str,
    work: str,
    train: bool,
    dtype: str,
) -> None:
    monkeypatch.setenv("FASTTRICKS_CACHE", str(cache))
    python = interpreter(name)
    config = BenchConfig(pipeline="", peers=name, data=picture_folder, batch_size=8, size=48)
    files = open_files(config)
    ((row,), _) = plan_rows(
        BenchConfig(pipeline="", peers=name, threads="1", tf_python=python), files
    )
    settings = Settings(
        name=name,
        root=str(files.root),
        repeat=3,
        batch_size=8,
        size=48,
        device="cpu",
        dtype="float32",
        threads=1,
        train=train,
        work=work,
        cold=False,
        pack=str(make_pack(row.pack, files, print)) if row.pack else "",
    )
    with Guard() as guard:
        contender = Contender(row, settings, 0.0, guard)
        try:
            contender.start()
            assert contender.shape in ([8, 3, 48, 48], [8, 48, 48, 3])
            assert contender.dtype == dtype
            assert contender.facts["ahead"] >= 1
            training, _, _ = contender.facts["does"]
            assert "flip" in training
            assert contender.round(0.01, limit=0).images >= 8
        finally:
            contender.close(patience_s=10)


def test_the_own_interpreter_needs_nothing_of_ours() -> None:
    source = Path(importlib.util.find_spec("fasttricks.bench.peers.tf_data").origin or "")
    imported = [
        line for line in source.read_text().splitlines() if line.startswith(("import", "from"))
    ]
    names = {line.split()[1].partition(".")[0] for line in imported}
    assert names - {"tensorflow"} <= sys.stdlib_module_names


def test_tf_data_takes_jpegs_and_says_what_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", types.ModuleType("tensorflow"))
    peer = importlib.import_module("fasttricks.bench.peers.tf_data")
    for name in ("a.jpg", "b.JPEG", "c.png", "d.webp", "e.txt", ".f.jpg"):
        (tmp_path / name).write_bytes(b"")
    try:
        assert peer._pictures(str(tmp_path)) == [str(tmp_path / n) for n in ("a.jpg", "b.JPEG")]
    finally:
        monkeypatch.delitem(sys.modules, peer.__name__)
    assert "2 other pictures left out" in capsys.readouterr().err
