"""What each process of test_vote does: vote, then train for long until one of them gets a SIGTERM.

stopped_run.py PICTURES FOLDER: leaves FOLDER/rank-<r>.json, and what a run leaves.
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch.distributed as dist

from fasttricks.train.distributed import join
from fasttricks.train.trainer import Trainer, train
from fasttricks.train.vote import Vote
from tests.train import tiny

ASKED = {0: [0, 0, 0, 0, 1, 0], 1: [0, 0, 1, 0, 1, 1]}
"""What each process says; what is said last nobody hears."""
AT = 6
"""Before this step the second process gets the signal, in the middle of an epoch of 4."""


def main(pictures, folder):
    heard = voted()
    recipe = tiny.recipe(pictures, folder, log_every=10**6, schedule={"epochs": 500})
    Trainer.run = with_a_signal
    outcome = train(recipe, tiny.normed)
    report = {"heard": heard, "steps": outcome.steps, "stopped": outcome.stopped}
    (Path(folder) / f"rank-{dist.get_rank()}.json").write_text(json.dumps(report))


def voted():
    """What this process hears when all vote as ASKED."""
    with join("cpu") as world:
        vote = Vote(world)
        heard = [vote(bool(asked)) for asked in ASKED[world.rank]]
        vote.close()
    return heard


def with_a_signal(trainer, run=Trainer.run):
    """`Trainer.run`; the signal comes from inside of the loop, where the schedule is asked."""
    dropblock = trainer.dropblock

    def then(step):
        dropblock(step)
        if step == AT and trainer.world.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    trainer.dropblock = then
    return run(trainer)


if __name__ == "__main__":
    dist.init_process_group("gloo")
    main(*sys.argv[1:])
    dist.destroy_process_group()
