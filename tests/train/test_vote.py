"""All processes stop after the same step, soon after one of them was asked to."""

import json

import pytest
import torch

from fasttricks.train.checkpoint import Checkpoints, load
from fasttricks.train.distributed import World
from fasttricks.train.vote import Vote
from tests.train import stopped_run
from tests.train.by_torchrun import run_by_two


@pytest.fixture(scope="module")
def by_two(picture_folder, tmp_path_factory):
    """What two processes report, and where they trained."""
    folder = tmp_path_factory.mktemp("two")
    run_by_two("stopped_run.py", picture_folder, folder)
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in (0, 1)], folder


def test_alone_the_answer_is_at_once():
    vote = Vote(World(device=torch.device("cpu"), threads=1))
    assert [vote(asked) for asked in (False, True, False)] == [False, True, False]
    vote.close()


def test_everybody_knows_one_step_later_what_one_said(by_two):
    first, second = by_two[0]
    assert first["heard"] == second["heard"] == [False, False, False, True, False, True]


def test_a_signal_to_one_process_stops_both_after_the_same_step(by_two):
    (first, second), folder = by_two
    asked_in = stopped_run.AT + 1  # steps count from 1 when they are done
    assert first["steps"] == second["steps"] == asked_in + 1
    assert second["stopped"] == "SIGTERM"
    assert first["stopped"] == "a signal to another process"
    saved = load(Checkpoints(folder).latest())
    assert saved["step"] == first["steps"]
    assert len(saved["state"]["rng"]) == 2
