from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import config, rows
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import PictureFiles
from fasttricks.cpus import available_cpus
from fasttricks.errors import DataError, FasttricksError, MissingExtraError, UnknownNameError
from fasttricks.pipelines import registry

FILES = PictureFiles(root=Path("/nowhere"), label="few", count=2, paths=("a", "b"))
MANY = PictureFiles(root=Path("/nowhere"), label="many", count=rows.LARGE + 1, paths=("a",))
PACK = PictureFiles(root=Path("/nowhere"), label="pack", count=500, paths=("0.tar",), is_pack=True)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Packages that count as installed; tests may change the set."""
    names = {"nvidia.dali", "ffcv", "torchvision", "timm"}
    for module in (rows, registry):
        monkeypatch.setattr(module, "is_installed", lambda package: package in names)
    return names


def plan(files: PictureFiles = FILES, **settings: Any) -> tuple[list[str], list[str]]:
    found, left_out = rows.plan_rows(BenchConfig(**settings), files)
    return [row.label for row in found], left_out


def test_every_peer_of_the_command_line_is_known() -> None:
    assert tuple(rows.PEERS) == config.PEERS


def test_order_is_threads_then_pipelines_then_peers(installed: set[str]) -> None:
    labels, left_out = plan(pipeline="ffcv:raw,dali", peers="timm", threads="2,1")
    assert labels == ["ffcv:raw x2", "dali x2", "timm x2", "ffcv:raw x1", "dali x1", "timm x1"]
    assert left_out == []


def test_threads_are_the_usable_cpus_unless_given(installed: set[str]) -> None:
    assert plan(pipeline="dali")[0] == [f"dali x{available_cpus()}"]


def test_all_skips_what_is_not_installed_and_says_why(installed: set[str]) -> None:
    installed.remove("ffcv")
    labels, left_out = plan(pipeline="all", peers="all", threads="1")
    assert not any("ffcv" in label for label in labels)
    assert {"torchvision x1", "dali x1", "stock-dali x1", "timm x1"} <= set(labels)
    assert any("pip install 'fasttricks[ffcv]'" in line for line in left_out)
    assert any("--tf-python" in line for line in left_out)


def test_all_may_stand_beside_names(installed: set[str]) -> None:
    labels, _ = plan(pipeline="dali,all", peers="timm,all", threads="1")
    assert labels[0] == "dali x1"
    assert len(labels) == len(set(labels))
    assert {"roi x1", "timm x1", "stock-dali x1"} <= set(labels)
    assert "ffcv:raw x1" in plan(MANY, pipeline="all,ffcv:raw", threads="1")[0]
    installed.remove("ffcv")
    with pytest.raises(MissingExtraError, match="ffcv"):
        plan(pipeline="all,ffcv")
    with pytest.raises(MissingExtraError, match="ffcv"):
        plan(pipeline="dali", peers="all,stock-ffcv")


def test_the_floor_needs_libturbojpeg(installed: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    installed.add("numba")
    monkeypatch.setattr(rows, "find_turbojpeg", lambda: "libturbojpeg.so.0")
    assert "floor x1" in plan(pipeline="dali", peers="all", threads="1")[0]
    monkeypatch.setattr(rows, "find_turbojpeg", lambda: None)
    labels, left_out = plan(pipeline="dali", peers="all", threads="1")
    assert "floor x1" not in labels
    assert any("floor: the system library libturbojpeg" in line for line in left_out)
    with pytest.raises(FasttricksError, match="libturbojpeg"):
        plan(peers="floor")


def test_what_is_asked_for_by_name_must_be_there(installed: set[str]) -> None:
    installed.clear()
    with pytest.raises(MissingExtraError, match=r"fasttricks\[dali\]"):
        plan(pipeline="dali")
    with pytest.raises(MissingExtraError, match=r"fasttricks\[peers\]"):
        plan(pipeline="torchvision", peers="timm")
    with pytest.raises(FasttricksError, match="--tf-python"):
        plan(pipeline="torchvision", peers="tf-data")


def test_unknown_pipeline_lists_the_known(installed: set[str]) -> None:
    with pytest.raises(UnknownNameError, match=r"known: all, torchvision, .*ffcv:raw"):
        plan(pipeline="dalli")


def test_all_makes_no_packs_of_large_sets(installed: set[str]) -> None:
    labels, left_out = plan(MANY, pipeline="all", threads="1")
    assert not any(label.startswith("ffcv") for label in labels)
    assert "ffcv:raw: would pack 20,001 pictures; ask for it by name" in left_out
    assert plan(MANY, pipeline="ffcv:raw", threads="1")[0] == ["ffcv:raw x1"]


def test_tensorflow_runs_in_its_own_interpreter(installed: set[str]) -> None:
    settings = BenchConfig(pipeline="", peers="tf-data", tf_python=Path("/tf/python"))
    ((row,), _) = rows.plan_rows(settings, FILES)
    assert row.python == "/tf/python"
    assert row.source.endswith("peers/tf_data.py")
    assert Path(row.source).is_file()


def test_a_peer_without_a_gpu_path_is_left_out_there(installed: set[str]) -> None:
    settings = {"peers": "tf-data", "tf_python": Path("/tf/python"), "device": "cuda"}
    _, left_out = plan(pipeline="dali", **settings)
    assert left_out == ["tf-data: works on the CPU only"]
    with pytest.raises(DataError, match="nothing to measure: tf-data"):
        plan(pipeline="", **settings)


def test_rows_with_other_pixels_say_why(installed: set[str]) -> None:
    names = "ffcv,ffcv:whole,ffcv:jpg,ffcv:raw,dali"
    settings = BenchConfig(
        pipeline=names, peers="stock-ffcv,stock-dali,tf-data", tf_python=Path("/tf/python")
    )
    found, _ = rows.plan_rows(settings, FILES)
    reasons = {row.name: row.pixels for row in found}
    right = ("ffcv", "ffcv:whole", "dali", "stock-dali")
    assert [name for name, why in reasons.items() if not why] == [*right]
    assert "500 px, JPEG quality 90" in reasons["ffcv:jpg"]
    assert "fast DCT" in reasons["stock-ffcv"]
    assert "not antialiased" in reasons["tf-data"]


def test_variants_are_never_asked_for_by_all(installed: set[str]) -> None:
    labels, _ = plan(pipeline="all", threads="1")
    for name in rows.VARIANTS:
        assert f"{name} x1" not in labels
        assert plan(pipeline=name, threads="1")[0] == [f"{name} x1"]


def test_variants_that_make_no_sense_are_left_out(installed: set[str]) -> None:
    labels, left_out = plan(pipeline="dali,dali:mixup,dali:graph", threads="1", work="normalise")
    assert labels == ["dali x1", "dali:graph x1"]
    assert left_out == ["dali:mixup: is for --work full"]
    assert plan(pipeline="dali,dali:graph", dtype="bfloat16")[1] == [
        "dali:graph: is for --dtype float32 or float16"
    ]


def test_resident_rows_prepare_and_need_memory(installed: set[str]) -> None:
    (row, other), _ = rows.plan_rows(BenchConfig(pipeline="resident:mixup,dali"), FILES)
    assert (row.prepares, row.cuts) == (True, False)
    assert not other.prepares
    would = "resident: would decode into memory 20,001 pictures; ask for it by name"
    assert would in plan(MANY, pipeline="all")[1]
    assert plan(MANY, pipeline="resident", threads="1")[0] == ["resident x1"]
    labels, left_out = plan(pipeline="resident,dali", threads="1", cold=True)
    assert labels == ["dali x1"]
    assert left_out[0].startswith("resident: has all pictures in memory")


def test_rows_that_cut_are_known(installed: set[str]) -> None:
    installed.add("numba")
    names = "roi,dali,torchvision,ffcv,ffcv:jpg,dali:mixup,roi:scaled"
    others = "roi:whole,ffcv:whole,ffcv:raw,resident"
    settings = BenchConfig(pipeline=f"{names},{others}", peers="floor,index,stock-dali,stock-ffcv")
    found, _ = rows.plan_rows(settings, FILES)
    assert [row.name for row in found if row.cuts] == [*names.split(","), "floor"]


def test_a_variant_reads_the_pack_of_its_pipeline(installed: set[str]) -> None:
    found, _ = rows.plan_rows(BenchConfig(pipeline="ffcv,ffcv:whole,roi:whole"), FILES)
    assert [row.pack for row in found] == ["source", "source", ""]


def test_ffcv_reads_tar_shards_itself_unless_pictures_are_encoded_again(
    installed: set[str],
) -> None:
    names = "ffcv,ffcv:mixup,ffcv:jpg,ffcv:raw"
    found, _ = rows.plan_rows(BenchConfig(pipeline=names), PACK)
    assert [row.pack for row in found] == ["", "", "jpg", "raw"]
    shards = PictureFiles(
        root=PACK.root, label="", count=rows.LARGE + 1, paths=PACK.paths, is_pack=True
    )
    labels, left_out = plan(shards, pipeline="all", threads="1")
    assert "ffcv x1" in labels
    assert "ffcv:jpg: would pack 20,001 pictures; ask for it by name" in left_out


def test_tar_shards_are_read_by_our_pipelines_and_no_stock_peers(installed: set[str]) -> None:
    installed.add("numba")
    labels, left_out = plan(PACK, pipeline="roi,ffcv", peers="all,index", threads="1")
    assert labels == ["roi x1", "ffcv x1", "floor x1", "index x1"]
    assert "stock-dali: needs a folder of picture files; these are in tar shards" in left_out
    assert len(left_out) == len(rows.PEERS) - 2


def test_indexing_makes_no_batches(installed: set[str]) -> None:
    installed.add("numba")
    ((row,), _) = rows.plan_rows(BenchConfig(pipeline="", peers="index"), FILES)
    assert not row.batches
    assert row.source == "fasttricks.bench.peers.index"
