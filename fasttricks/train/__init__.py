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
    from fasttricks.train.weights import Trained, load_trained

_HOME = {
    "Outcome": "fasttricks.train.outcome",
    "Recipe": "fasttricks.train.config",
    "Trained": "fasttricks.train.weights",
    "load_trained": "fasttricks.train.weights",
    "train": "fasttricks.train.trainer",
}

__all__ = ["Outcome", "Recipe", "Trained", "load_trained", "train"]

__getattr__ = attributes(globals(), _HOME)


def __dir__() -> list[str]:
    return __all__
