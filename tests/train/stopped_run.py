"""What each process of test_vote does: vote, then train until somebody gets a SIGTERM.

stopped_run.py PICTURES FOLDER: leaves FOLDER/rank-<r>.json, and what the runs leave.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from fasttricks.train import trainer as module
from fasttricks.train.distributed import join
from fasttricks.train.stopping import Vote
from fasttricks.train.trainer import Trainer, train
from tests.train import tiny

ASKED = {0: [0, 0, 0, 0, 1, 0], 1: [0, 0, 1, 0, 1, 1]}
"""What each process says in votes at every step; what is said last nobody hears."""
PACES = {0: [3.5, 2.5, 0.1, 100.0], 1: [9.0, 5.0, 2.0, 90.0]}
"""Steps per second of each process by its own clock, from one vote to the next."""
EPOCHS = 8
"""Of 4 steps each."""
SIGNALS = {
    "one": {1: 6},
    "both": {0: 6, 1: 9},
    "last in epoch": {0: 11},
    "while evaluating": {1: "evaluation"},
    "too late": {1: 4 * EPOCHS - 1},
}
"""Before which step a process gets the signal, or that it comes in its second evaluation."""


def main(pictures, folder):
    rank = dist.get_rank()
    report = {"heard": heard(), "voted": voted(), "restarted": restarted(), "runs": {}}
    for name, signals in SIGNALS.items():
        report["runs"][name] = run(pictures, folder / name, signals.get(rank))
    run(pictures, folder / "one", resume="auto")
    run(pictures, folder / "whole")
    report["few"] = run(pictures, folder / "few", max_steps=7)
    (folder / f"rank-{rank}.json").write_text(json.dumps(report))


def run(pictures, folder, signalled=None, **changes):
    """Train, get the signal where it is due, and tell what came of it."""
    recipe = tiny.recipe(pictures, folder, log_every=10**6, schedule={"epochs": EPOCHS}, **changes)
    Trainer.run = with_a_signal(signalled)
    outcome = train(recipe, tiny.normed)
    return {"steps": outcome.steps, "stopped": outcome.stopped, "ended": outcome.ended}


def heard():
    """What this process hears when all vote as ASKED, in steps of a second."""
    with join("cpu") as world:
        vote = Vote(world, clock=iter(range(100)).__next__)
        answers = [vote(bool(asked)) for asked in ASKED[world.rank]]
        vote.close()
    return answers


def voted():
    """At which of its steps this process votes when clocks differ as PACES."""
    with join("cpu") as world:
        clock, steps = Clock(PACES[world.rank]), []
        vote = Vote(world, clock)
        for step in range(40):
            clock.step()
            before = clock.looks
            vote(False)
            steps += [step] * (clock.looks - before)
        vote.close()
    return steps


def restarted():
    """What this process hears when the second is asked 16 steps before the next vote, and when
    there are restarts before and after the vote that is then."""
    with join("cpu") as world:
        vote = Vote(world, clock=iter([0, 1e-9, 5, 1e3, 2e3, 3e3]).__next__)
        answers = [vote(False), vote(world.rank == 1)]
        vote.restart()
        answers += [vote(world.rank == 1)]
        vote.restart()
        answers += [vote(False)]
        vote.close()
    return answers


class Clock:
    """Goes on as steps are made; each look at it is a vote and changes the pace to the next."""

    def __init__(self, paces):
        self.paces, self.looks, self.now = paces, 0, 0.0

    def __call__(self):
        self.looks += 1
        return self.now

    def step(self):
        self.now += 1 / self.paces[min(self.looks, len(self.paces)) - 1]


def with_a_signal(when, run=Trainer.run):
    """`Trainer.run`; the signal comes in the loop, where the schedule is asked, or evaluating."""

    def signalled(trainer):
        training = trainer.training
        dropblock, evaluations = training.dropblock, []

        def then(step):
            dropblock(step)
            if step == when:
                os.kill(os.getpid(), signal.SIGTERM)

        def evaluate(*arguments, **options):
            evaluations.append(1)
            if when == "evaluation" and len(evaluations) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return original(*arguments, **options)

        original, training.dropblock = module.evaluate, then
        module.evaluate = evaluate
        try:
            return run(trainer)
        finally:
            module.evaluate = original

    return signalled


if __name__ == "__main__":
    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    main(sys.argv[1], Path(sys.argv[2]))
    dist.destroy_process_group()
