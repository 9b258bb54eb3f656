"""Two processes on the CPU, started by torchrun, against one."""

import json

import pytest
import torch

from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import load
from fasttricks.train.config import MixConfig
from fasttricks.train.trainer import train
from tests.train import tiny
from tests.train.by_torchrun import run_by_torchrun

MIX = {"kind": "mixup", "group": 4}
RUNS = {
    "mixed": {"net": "plain", "mix": MIX},
    "compiled": {"net": "plain", "mix": MIX, "compile": True},
    "parts": {"net": "plain", "accumulate": 2, "max_steps": 6},
    "parts+resumed": {"net": "plain", "accumulate": 2, "resume": "auto"},
    "begun": {"net": "plain", "max_steps": 6},
    "normed": {"net": "normed", "ema": 0.5},
    "stopped": {"net": "normed", "ema": 0.5, "max_steps": 6},
    "stopped+resumed": {"net": "normed", "ema": 0.5, "resume": "auto"},
}
CLOSE = 1e-5
"""Only the order of float32 sums differs: weights below 1 stay that close over a dozen steps."""


@pytest.fixture(scope="module")
def by_two(picture_folder, tmp_path_factory):
    """The folder in which two processes have made all of RUNS, one after the other."""
    folder = tmp_path_factory.mktemp("two")
    run_by_torchrun("ddp_run.py", picture_folder, folder, json.dumps(RUNS))
    return folder


@pytest.fixture
def alone(picture_folder, tmp_path):
    """The weights that one process, this one, has after training."""

    def run(folder=tmp_path, **changes):
        train(tiny.recipe(picture_folder, folder, **changes), tiny.plain)
        return weights(folder)

    return run


def weights(folder):
    return load(Checkpoints(folder).latest())["state"]["model"]


def of_both(folder):
    return [torch.load(folder / f"rank-{rank}.pt") for rank in (0, 1)]


def gap(one, other):
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


def test_two_processes_learn_what_one_does(by_two, alone, tmp_path):
    """The same global batch, so the same pictures and mixes, whoever makes them."""
    first, second = of_both(by_two / "mixed")
    assert gap(first, second) == 0
    assert gap(alone(mix=MixConfig(**MIX)), first) < CLOSE
    # Other pictures, or other mixes, would not have gone unnoticed.
    assert gap(alone(tmp_path / "other", mix=MixConfig(**MIX), seed=1), first) > 100 * CLOSE
    assert gap(alone(tmp_path / "unmixed"), first) > 100 * CLOSE


def test_compiled_processes_learn_the_same(by_two):
    first, second = of_both(by_two / "compiled")
    assert gap(first, second) == 0
    assert gap(first, of_both(by_two / "mixed")[0]) < CLOSE


def test_each_picture_is_evaluated_once_and_one_process_writes(by_two):
    lines = map(json.loads, (by_two / "mixed" / "log.jsonl").read_text().splitlines())
    counts = [line["count"] for line in lines if line["kind"] == "evaluation"]
    assert counts == [37, 37, 37]
    assert len(list((by_two / "mixed").glob("step-*.pt"))) == 3


def test_parts_of_a_batch_are_one_batch_also_when_resumed(by_two, alone):
    first, second = of_both(by_two / "parts")
    assert gap(first, second) == 0
    assert gap(alone(), first) < CLOSE


def test_one_process_goes_on_where_two_were(by_two, alone, tmp_path):
    assert gap(alone(), alone(by_two / "begun", resume="auto")) < CLOSE
    assert load(Checkpoints(by_two / "begun").latest())["step"] == 12


def test_statistics_that_are_kept_are_everybodys_mean(by_two):
    first, second = of_both(by_two / "normed")
    kept = load(Checkpoints(by_two / "normed").latest())["state"]
    assert len(kept["rng"]) == 2
    for name, value in kept["model"].items():
        if "running" in name:  # each process saw other pictures
            assert not torch.equal(first[name], second[name])
            assert torch.equal(value, (first[name] + second[name]) / 2)
            assert torch.equal(value, kept["ema"]["model"][name])
        else:
            assert torch.equal(first[name], second[name])
            assert torch.equal(value, first[name])


def test_two_resumed_processes_end_like_two_unbroken_ones_to_the_bit(by_two):
    """Though the broken run was saved, and its statistics averaged, at another step, too."""
    for whole, resumed in zip(of_both(by_two / "normed"), of_both(by_two / "stopped"), strict=True):
        assert gap(whole, resumed) == 0
    kept, expected = (
        load(Checkpoints(by_two / name).latest())["state"] for name in ("stopped", "normed")
    )
    assert gap(kept["model"], expected["model"]) == 0
    assert gap(kept["ema"]["model"], expected["ema"]["model"]) == 0
