"""What each process of test_ddp does: several runs, one after the other; its weights after each.

ddp_run.py PICTURES FOLDER '{"name": {"net": "plain", ...}, ...}'
"""

import functools
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from fasttricks.train.config import MixConfig
from fasttricks.train.trainer import Trainer, train
from tests.train import tiny


def main(pictures, folder, runs):
    for name, changes in json.loads(runs).items():
        out = Path(folder) / name.partition("+")[0]
        out.mkdir(exist_ok=True)
        net = getattr(tiny, changes.pop("net"))
        if "mix" in changes:
            changes["mix"] = MixConfig(**changes["mix"])
        train(tiny.recipe(pictures, out, **changes), net)


def keep_weights(self, finish=Trainer._finish):
    torch.save(
        self.training.model.state_dict(), Path(self.recipe.out) / f"rank-{self.world.rank}.pt"
    )
    return finish(self)


if __name__ == "__main__":
    Trainer._finish = keep_weights
    torch.compile = functools.partial(torch.compile, backend="aot_eager")  # inductor takes minutes
    # One group for all runs: torch may wait without end where one is made anew after another.
    dist.init_process_group("gloo")
    main(*sys.argv[1:])
    dist.destroy_process_group()
