"""`fasttricks train`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import reduce
from inspect import getdoc
from operator import or_
from typing import TYPE_CHECKING, Annotated

import tyro

from fasttricks.train.config import Recipe
from fasttricks.train.recipes import RECIPES

if TYPE_CHECKING:
    Chosen = Recipe
else:  # one subcommand a recipe, whose values are the defaults of the flags
    Chosen = reduce(
        or_,
        (
            Annotated[
                Recipe,
                tyro.conf.subcommand(name, default=entry.make(), description=getdoc(entry.make)),
            ]
            for name, entry in RECIPES.items()
        ),
    )


@dataclass(frozen=True)
class Train:
    """Train by a recipe; any of its settings can be changed by a flag.

    "Bag of Tricks" is arXiv 1812.01187, "Assembled CNN" arXiv 2001.06268.

    On several devices: torchrun --nproc-per-node=8 -m fasttricks train RECIPE ...
    """

    recipe: Chosen

    def run(self) -> int:
        """Train, and say at the end what held training back; 130 if a signal ended it."""
        if not self.recipe.data.path:
            raise ValueError(
                "say what to train on: --data FOLDER, with train and val inside, of class folders"
            )
        # Threads of torch that wait by spinning take the cores that the loader's need. Read when
        # torch is loaded, so it is set here.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from fasttricks.train.trainer import train

        outcome = train(self.recipe)
        return 130 if outcome.ended == "signal" else 0
