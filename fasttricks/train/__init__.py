"""Training: recipes, the trainer, checkpoints and evaluation.

    outcome = fasttricks.train.train(fasttricks.train.Recipe(...))

Names are imported when first used, so that the command line can read recipes without torch.
"""

from typing import TYPE_CHECKING

from fasttricks.lazy import attributes

if TYPE_CHECKING:
    from fasttricks.train.config import Recipe
    from fasttricks.train.outcome import Outcome
    from fasttricks.train.trainer import train

_HOME = {
    "Outcome": "fasttricks.train.outcome",
    "Recipe": "fasttricks.train.config",
    "train": "fasttricks.train.trainer",
}

__all__ = ["Outcome", "Recipe", "train"]

__getattr__ = attributes(globals(), _HOME)
