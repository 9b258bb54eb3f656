from __future__ import annotations

import subprocess
import sys

import pytest

from fasttricks.models.names import list_models
from fasttricks.models.paper import PUBLISHED, best_top1, published, published_slowdown


def test_every_row_is_about_a_model_that_exists() -> None:
    assert set(PUBLISHED) <= set(list_models())
    for rows in PUBLISHED.values():
        assert rows
        assert all(row.source and row.recipe and row.top1 for row in rows)


@pytest.mark.parametrize(
    ("name", "gmacs", "top1"),
    [
        ("resnet50", 3.8, 76.21),
        ("resnet50b", 4.1, 76.66),
        ("resnet50c", 4.3, 76.87),
        ("resnet50d", 4.3, 77.16),
    ],
)
def test_table_5_of_p1(name: str, gmacs: float, top1: float) -> None:
    first = published(name)[0]
    assert first.source == "P1 table 5"
    assert (first.parameters, first.gmacs, first.top1) == (25, gmacs, top1)


def test_the_best_of_both_papers() -> None:
    assert best_top1("resnet50d") == 79.29
    assert best_top1("inception_v3") == 78.77
    assert best_top1("mobilenet_v1") == 73.28
    assert best_top1("assemble_resnet50") == 82.78
    assert best_top1("assemble_resnet152") == 84.19


def test_what_nobody_printed() -> None:
    assert published("mobilenet_v1_075") == ()
    assert best_top1("mobilenet_v1_075") is None


def test_top5_is_above_top1_and_numbers_are_sane() -> None:
    for rows in PUBLISHED.values():
        for row in rows:
            assert row.top1 is not None
            assert 65 < row.top1 < 90
            assert row.top5 is None or row.top1 < row.top5 < 97
            assert row.size in (224, 256, 299)


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, fasttricks.models.paper; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_the_papers_say_of_time() -> None:
    d = published_slowdown("resnet50d", "resnet50", "training")
    assert d is not None
    assert (d.more, d.source) == (0.03, "P1 beside table 5")
    assert published_slowdown("resnet50", "resnet50d", "training") is None
    inference = published_slowdown("resnet50d", "resnet50b", "inference")
    assert inference is not None
    assert inference.more == pytest.approx(536 / 493 - 1, abs=1e-4)
    assert published_slowdown("resnet50d", "resnet50", "inference") is None  # P2's is B
    assert published_slowdown("assemble_resnet50", "resnet50b", "inference") is None  # 256 px
