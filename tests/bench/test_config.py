from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench.config import PEERS, TAKES, BenchConfig, beginning
from fasttricks.errors import UnknownNameError


def test_lists_are_parsed_in_order_and_each_once() -> None:
    config = BenchConfig(pipeline="dali, ffcv:jpg,,dali", peers="timm,tf-data", threads="4,1,4")
    assert config.pipeline_names == ["dali", "ffcv:jpg"]
    assert config.peer_names == ["timm", "tf-data"]
    assert config.thread_counts == [4, 1]


def test_defaults() -> None:
    config = BenchConfig()
    assert config.pipeline_names == ["all"]
    assert config.peer_names == config.thread_counts == []
    config.check()


def test_all_stands_for_every_peer_wherever_it_stands() -> None:
    config = BenchConfig(peers="all")
    loaders = [name for name in PEERS if name != "index"]
    assert config.peer_names == loaders
    assert config.optional_peers == set(loaders)
    config = BenchConfig(peers="timm,all,tf-data")
    assert config.peer_names == ["timm", *(name for name in loaders if name != "timm")]
    assert config.optional_peers == set(loaders) - {"timm", "tf-data"}


def test_indexing_is_asked_for_by_name() -> None:
    assert BenchConfig(peers="all,index").peer_names[-1] == "index"
    BenchConfig(pipeline="", peers="index").check()


def test_kernels_need_no_pipelines_and_take_no_threads() -> None:
    BenchConfig(kernels=True, only="resize,finish").check()
    assert BenchConfig(kernels=True, only="resize, finish,resize").only_names == [
        "resize",
        "finish",
    ]


def test_a_model_needs_no_pipelines() -> None:
    BenchConfig(model="resnet50d", threads="1", only="training").check()
    config = BenchConfig(model="resnet50d", against="resnet50, resnet50b,resnet50")
    config.check()
    assert config.against_names == ["resnet50", "resnet50b"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"rounds": 0}, "--rounds"),
        ({"size": -3}, "--size"),
        ({"seconds": 0.0}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"warmup": -1.0}, "--warmup"),
        ({"threads": "2,two"}, "--threads takes integers from 1 to 1024; got 'two'"),
        ({"threads": "0"}, "--threads"),
        ({"pipeline": "", "peers": ""}, "nothing to measure"),
        ({"kernels": True, "threads": "2"}, "--kernels takes no --threads"),
        ({"kernels": True, "plot": Path("x.png")}, "--kernels takes no --plot"),
        ({"kernels": True, "peers": "timm"}, "--kernels takes no --peers"),
        ({"kernels": True, "pipeline": "nonsense"}, "--kernels takes no --pipeline"),
        ({"kernels": True, "work": "decode"}, "--kernels takes no --work"),
        ({"kernels": True, "dtype": "float16"}, "--kernels takes no --dtype"),
        ({"model": "resnet18", "data": Path("/nowhere")}, "--model takes no --data"),
        ({"model": "resnet18", "cold": True}, "--model takes no --cold"),
        ({"only": "resize"}, "--only is for --kernels or --model"),
        ({"recipe": "no-such"}, "--recipe is for --train"),
        ({"settings": ("optim.lr=1",)}, "--set is for --train"),
        ({"model": "resnet51"}, "unknown model 'resnet51'; did you mean resnet50"),
        (
            {"model": "resnet50d", "against": "resnet50,resnet51"},
            "unknown model 'resnet51'; did you",
        ),
        ({"model": "resnet50d", "against": "resnet50,resnet50d"}, "than --model resnet50d"),
        ({"against": "resnet50"}, "--against is for --model"),
        (
            {"model": "resnet18", "kernels": True},
            "--kernels and --model are measured one at a time",
        ),
        ({"model": "resnet18", "threads": "1,2"}, "--model takes one count of --threads"),
    ],
)
def test_settings_out_of_range(setting: dict[str, Any], message: str) -> None:
    config = BenchConfig(**setting)
    with pytest.raises(ValueError, match=message):
        config.check()


def test_an_unknown_peer_lists_the_known() -> None:
    config = BenchConfig(peers="stock-dali,webdataset")
    with pytest.raises(UnknownNameError, match="known: "):
        config.check()


def test_names_are_chosen_by_how_they_begin() -> None:
    names = ("resize 300", "finish", "stage a", "stage b")
    assert beginning("kernel", names, ["stage", "res"]) == ["resize 300", "stage a", "stage b"]
    assert beginning("kernel", names, []) == []
    with pytest.raises(UnknownNameError, match="unknown kernel 'a'"):
        beginning("kernel", names, ["stage", "a"])


def test_every_setting_belongs_somewhere() -> None:
    names = {field.name for field in fields(BenchConfig)}
    assert frozenset().union(*TAKES.values()) == names


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, fasttricks.bench.config as c; sys.path;"
        "print([m for m in ('torch', 'numpy', 'numba', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
