from __future__ import annotations

from typing import Any

import pytest
import torch

from fasttricks.bench.models.slowdown import sentence, slowdown, with_slowdowns
from fasttricks.models import create_model
from fasttricks.models.count import count
from fasttricks.models.traffic import traffic


def row(name: str, rates: list[float], **changes: Any) -> dict[str, Any]:
    given = {
        "row": "training eager",
        "library": "fasttricks",
        "library_model": name,
        "model": "resnet50d",
        "rates": rates,
        "mb_per_image": 100.0,
        "macs": 10,
        "activations": 1000,
    }
    return {**given, **changes}


def test_slower_in_the_same_round() -> None:
    # The machine is half as fast in the second round: of both.
    found = slowdown(
        row("resnet50d", [10.0, 5.0, 8.0], mb_per_image=111.0, macs=12, activations=1126),
        row("resnet50", [11.0, 6.0, 10.0]),
    )
    assert found == {
        "time": 0.2,
        "p20": pytest.approx(0.14),
        "p80": pytest.approx(0.23),
        "bytes": 0.11,
        "macs": 0.2,
        "conv_outputs": 0.126,
        "paper": {"time": 0.03, "source": "P1 beside table 5", "what": "training"},
    }


def test_only_other_networks_of_ours_have_one() -> None:
    rows = with_slowdowns(
        [
            row("resnet50d", [10.0]),
            row("resnet50", [11.0]),
            row("resnet50d", [12.0], library="timm"),
            row("resnet50", [9.0], row="inference eager"),  # ours failed there
        ]
    )
    assert [one["slowdown"] is not None for one in rows] == [False, True, False, False]
    assert rows[1]["slowdown"]["time"] == 0.1


def test_in_words() -> None:
    fast = row("assemble_resnet50", [20.0])
    (_, told) = with_slowdowns([row("resnet50d", [10.0]), fast])
    assert sentence(told) == (
        "training eager: resnet50d beside assemble_resnet50: time +100.0% (p20 +100.0%, p80 "
        "+100.0%); by the byte model +0.0%, by multiply-accumulates +0.0%, by outputs of "
        "convolutions +0.0%"
    )


def test_what_the_documentation_says_of_d() -> None:
    """12.6 % larger outputs of convolutions, 12.2 % more MACs, 11 to 13 % more bytes."""
    rows = []
    for name in ("resnet50d", "resnet50"):
        with torch.device("meta"):
            net = create_model(name)
        found = count(net, 224)
        moved = traffic(net, 224, compiled=True).per_image / 1e6
        counted = {"macs": found.macs, "activations": found.activations, "mb_per_image": moved}
        rows.append(row(name, [1.0], **counted))
    found = slowdown(*rows)
    assert (found["conv_outputs"], found["macs"]) == (
        pytest.approx(0.126, abs=5e-4),
        pytest.approx(0.122, abs=5e-4),
    )
    assert 0.11 < found["bytes"] < 0.13
