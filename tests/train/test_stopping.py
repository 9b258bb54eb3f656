"""Signals leave a note, and all processes stop after the same step, soon after one got it."""

import itertools
import json
import os
import signal
import threading

import pytest
import torch

from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import load
from fasttricks.train.distributed import World
from fasttricks.train.stopping import MOST_STEPS, Asked, Stopper, Vote, until_asked
from tests.train import stopped_run
from tests.train.by_torchrun import run_by_torchrun


@pytest.fixture(scope="module")
def by_two(picture_folder, tmp_path_factory):
    """What two processes report, and where they trained."""
    folder = tmp_path_factory.mktemp("two")
    run_by_torchrun("stopped_run.py", picture_folder, folder)
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in (0, 1)], folder


def test_alone_the_answer_is_at_once():
    vote = Vote(World(device=torch.device("cpu"), threads=1))
    assert [vote(asked) for asked in (False, True, False)] == [False, True, False]
    vote.close()


def test_everybody_knows_one_step_later_what_one_said(by_two):
    first, second = by_two[0]
    assert first["heard"] == second["heard"] == [False, False, False, True, False, True]


def test_batches_of_an_evaluation_end_once_somebody_is_asked():
    vote, stopper = Vote(World(device=torch.device("cpu"), threads=1)), Stopper()
    assert list(until_asked(range(5), vote, stopper)) == [0, 1, 2, 3, 4]
    batches = until_asked(range(5), vote, stopper)
    assert [next(batches), next(batches)] == [0, 1]
    stopper.asked = "SIGTERM"
    with pytest.raises(Asked):
        next(batches)


def test_after_a_restart_the_first_is_a_vote_and_what_was_said_is_not_lost(by_two):
    for report in by_two[0]:
        assert report["restarted"] == [False, False, False, True]


def test_all_vote_at_the_same_steps_whatever_their_clocks_say(by_two):
    """As many apart as the slower makes in a second, from 1 to 16."""
    first, second = by_two[0]
    # Paces of 3.5, 2.5, 0.1 and then 90 steps per second count from a vote to the next.
    assert first["voted"] == second["voted"]
    gaps = [after - before for before, after in itertools.pairwise(first["voted"])]
    assert gaps[:4] == [3, 2, 1, MOST_STEPS], first["voted"]


@pytest.mark.parametrize("name", ["one", "both", "last in epoch", "while evaluating"])
def test_a_signal_stops_both_after_the_same_step_and_soon(name, by_two):
    reports, folder = by_two
    first, second = (report["runs"][name] for report in reports)
    signals = stopped_run.SIGNALS[name]
    assert first["steps"] == second["steps"]
    if name == "while evaluating":
        assert first["steps"] == 8  # no step of the next epoch is made
    else:
        assert min(signals.values()) < first["steps"] <= min(signals.values()) + MOST_STEPS + 2
    assert first["ended"] == second["ended"] == "signal"
    for rank, run in enumerate((first, second)):
        if rank in signals and signals[rank] == min(signals.values(), key=str):
            assert run["stopped"] == "SIGTERM"
        if rank not in signals:
            assert run["stopped"] == "a signal to another process"
    if name != "one":  # which went on
        saved = load(Checkpoints(folder / name).latest())
        assert saved["step"] == first["steps"]
        assert len(saved["state"]["rng"]) == 2


def test_a_signal_in_the_last_step_comes_too_late_and_nobody_waits(by_two):
    for report in by_two[0]:
        assert report["runs"]["too late"]["steps"] == 4 * stopped_run.EPOCHS


def test_a_vote_under_way_when_training_ends_is_no_matter(by_two):
    for report in by_two[0]:
        assert report["few"] == {"steps": 7, "stopped": "max_steps 7", "ended": "max-steps"}


def test_what_was_stopped_goes_on_as_if_it_had_not_been(by_two):
    _, folder = by_two
    resumed, whole = (load(Checkpoints(folder / name).latest()) for name in ("one", "whole"))
    assert resumed["step"] == whole["step"] == 4 * stopped_run.EPOCHS
    weights, expected = resumed["state"]["model"], whole["state"]["model"]
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_note(number):
    with Stopper() as stopper:
        assert stopper.asked == ""
        os.kill(os.getpid(), number)
        assert stopper.asked == number.name


def test_the_second_interrupt_interrupts():
    with Stopper():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL  # a third one does not wait
    assert signal.getsignal(signal.SIGINT) != signal.SIG_DFL


@pytest.mark.parametrize(
    ("rank", "size", "told"),
    [
        ("0", "1", "fasttricks: stopping after this batch; Ctrl-C again ends at once\n"),
        (
            "0",
            "4",
            "fasttricks: stopping after one of the next batches; Ctrl-C again ends at once\n",
        ),
        ("3", "4", ""),
    ],
)
def test_the_note_is_told_at_once_and_once(rank, size, told, monkeypatch, capfd):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with Stopper():
        os.kill(os.getpid(), signal.SIGTERM)
        assert capfd.readouterr().err == told
        os.kill(os.getpid(), signal.SIGTERM)
        assert capfd.readouterr().err == ""


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Stopper():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_other_threads_may_use_it():
    failures = []

    def use():
        try:
            with Stopper() as stopper:
                assert stopper.asked == ""
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert not failures
