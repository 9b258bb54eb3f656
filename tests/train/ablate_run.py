"""What each process of test_ablate_ddp does: the command, over a ladder of three small rungs.

ablate_run.py PICTURES FOLDER
"""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

from fasttricks.bench.ablation import run
from fasttricks.commands.ablate import Ablate
from fasttricks.train import ablate
from fasttricks.train.ladder import Ladder, Rung
from fasttricks.train.recipes import cpu_small
from fasttricks.train.rungs import smoothing
from tests.train import tiny


def broken(recipe):
    """No loss survives weights that each step makes a thousand times as large."""
    return replace(recipe, optim=replace(recipe.optim, lr=1000.0, weight_decay=1.0))


RUNGS = (
    Rung(name="start", what="nothing", change=lambda recipe: recipe, top1=70.0),
    Rung(name="broken", what="lr 1000", change=broken, top1=71.0),
    Rung(name="smoothing", what="+ smoothing", change=smoothing, top1=72.0, on="start"),
)
SMALL = Ladder(source="a test", base=cpu_small, variant="d", rungs=lambda teacher: RUNGS)


def command(pictures, out, **changes):
    settings = ("data.threads=1", "augment.color=none", "loss.smoothing=0")
    given = {
        "ladder": "bag-of-tricks", "epochs": 8, "seeds": "0,1", "size": 32, "batch_size": 8,
        "pipeline": "resident", "val": str(pictures), "device": "cpu", "settings": settings,
    }  # fmt: skip
    return Ablate(data=str(pictures), out=Path(out), **(given | changes))


def patched(patch):
    """Let the command climb the small ladder with a small network; gives what it is given."""
    results = []

    def climb_all(*arguments, **settings):
        for result in ablate.climb_all(*arguments, build=tiny.plain, **settings):
            results.append(asdict(result))
            yield result

    patch(run, "climb_all", climb_all)
    patch(run, "LADDERS", {"bag-of-tricks": SMALL})
    return results


if __name__ == "__main__":
    results = patched(setattr)
    code = command(*sys.argv[1:]).run()
    rank = os.environ["RANK"]
    Path(sys.argv[2], f"rank-{rank}.json").write_text(json.dumps([code, results]))
