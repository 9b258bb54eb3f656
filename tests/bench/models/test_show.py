from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from fasttricks.bench.models.show import show


def row(**changes: Any) -> dict[str, Any]:
    given = {
        "row": "training eager",
        "library": "fasttricks",
        "library_model": "resnet50",
        "slowdown": None,
        "differs": "",
        "model": "resnet50",
        "made_for": 224,
        "size": 224,
        "batch_size": 256,
        "dtype": "bfloat16",
        "device": "cuda",
        "threads": 2,
        "rounds": 7,
        "seconds": 5.0,
        "images_per_s": 3210.4,
        "p20": 3200.0,
        "p80": 3222.2,
        "ours_to_it": None,
        "to_eager": None,
        "mb_per_image": 478.2,
        "gb_per_s": 1535.2,
        "copy_share": 0.423,
        "copy_gb_per_s": 3630.0,
        "first_step_s": 61.24,
        "parameters": 25557032,
        "macs": 3858000000,
        "machine": {"cpu": "A CPU", "cores": 8, "usable_cores": 2, "gpus": ["A GPU"]},
        "versions": {"python": "3.12.1", "torch": "2.15", "PIL": "pillow-simd 12"},
    }
    return {**given, **changes}


def shown(*rows: dict[str, Any]) -> str:
    out = io.StringIO()
    show(rows, Console(file=out))
    return out.getvalue()


def test_networks_stand_under_what_is_measured() -> None:
    pair = {"ratio": 1.0213, "p20": 1.01, "p80": 1.0312}
    theirs = {"library": "timm", "differs": "it is B", "ours_to_it": pair, "macs": 4089000000}
    text = shown(
        row(),
        row(**theirs),
        row(row="training compiled", to_eager={"ratio": 1.5, "p20": 1, "p80": 2}),
    )
    lines = [line.split() for line in text.splitlines()]
    at = lines.index(["training", "eager"])
    ours = "fasttricks resnet50 3,210 3,200-3,222 - - - 478 1,535 42%"
    assert " ".join(lines[at + 1]) == ours
    assert lines[at + 2][3:7] == ["3,210", "3,200-3,222", "1.021", "1.010-1.031"]
    assert lines[at + 3] == ["training", "compiled"]
    assert lines[at + 4][5:7] == ["-", "1.50"]
    assert (
        "timm resnet50 ~: another network: it is B; 25,557,032 parameters and 4.089 GMACs" in text
    )
    assert "3,630.0 GB/s" in text
    assert "caches do not have: training fasttricks resnet50 61.2 s" in text


def test_threads_are_shown_where_they_count() -> None:
    assert "cpu, CPU threads 2," in shown(row(device="cpu"))
    assert "threads" not in shown(row()).splitlines()[1]


def test_notes_on_size_and_on_nobody_to_compare_with() -> None:
    text = shown(row(made_for=299))
    assert "resnet50 is trained at 299 px" in text
    assert "neither torchvision nor timm" in text
    assert "trained at" not in shown(row())


def test_a_slowdown_is_told_in_words() -> None:
    found = {
        "time": 0.104,
        "p20": 0.0951,
        "p80": 0.1149,
        "bytes": 0.113,
        "macs": 0.122,
        "conv_outputs": 0.126,
        "paper": {"time": 0.03, "source": "P1", "what": "training"},
    }
    text = shown(
        row(model="resnet50d", library_model="resnet50d"),
        row(model="resnet50d", slowdown=found),
    )
    assert (
        "training eager: resnet50d beside resnet50: time +10.4% (p20 +9.5%, p80 +11.5%); by the "
        "byte model +11.3%, by multiply-accumulates +12.2%, by outputs of convolutions +12.6%; "
        "P1 says +3.0% (training)"
    ) in text


def test_what_is_first_need_not_be_ours() -> None:
    theirs = row(library="timm", differs="it is B", parameters=1, macs=2000000)
    text = shown(theirs, row(row="inference eager"))
    assert "1 parameters and 0.002 GMACs, ours 25,557,032 parameters" in text
