"""How many classes there are, and whether labels mean the same in two places: by name."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError, some_of

SHOWN = 3
"""Classes that a message names."""


def count_classes(samples: Samples, asked: int | None) -> int:
    """How many classes a network needs that is trained on `samples`.

    Args:
        asked: the recipe's `model.num_classes`; None: as many as the data has.

    Raises:
        DataError: targets are no class indices, or the data has more than are asked for.
    """
    _check_indices(samples, "training")
    needed = max(int(samples.targets.max()) + 1, len(samples.classes))
    if asked is not None and asked < needed:
        raise DataError(f"the data has {needed} classes, the recipe's model.num_classes is {asked}")
    return asked or needed


def label_map(known: Sequence[str], samples: Samples, outputs: int) -> torch.Tensor | None:
    """What labels of `samples` become where classes are numbered as in `known`.

    A set that lacks some of the classes counts the others differently; its labels are found by
    name. Where one side has no names, labels are taken as they are.

    Args:
        known: names of the classes in the order of the logits; empty if nobody knows them.
        outputs: how many logits there are.

    Returns:
        int64 [classes of samples]: the logit of each; None where labels stay as they are.

    Raises:
        DataError: targets are no class indices, or of classes that are not known.
    """
    _check_indices(samples, "evaluation")
    targets, here = samples.targets, samples.classes
    if known and here and list(known) != here:
        if strange := [name for name in here if name not in set(known)]:
            verb = "is" if len(strange) == 1 else "are"
            raise DataError(
                "the pictures to evaluate are of other classes than were trained: "
                f"{some_of(strange, SHOWN)} {verb} not among {some_of(known, SHOWN)}"
            )
        numbers = {name: number for number, name in enumerate(known)}
        return torch.tensor([numbers[name] for name in here])
    if len(targets) and int(targets.max()) >= outputs:
        raise DataError(f"the data has label {int(targets.max())}, the model {outputs} classes")
    return None


def check_same(known: Sequence[str], here: Sequence[str], whose: str) -> None:
    """Whether two lists of classes are the same; a list that is empty agrees with all.

    Args:
        whose: whose classes `known` are, such as "the teacher".

    Raises:
        DataError: they are not; says where they differ first.
    """
    if not known or not here or list(known) == list(here):
        return
    pairs = enumerate(zip(known, here, strict=False))
    told = next(
        (f"class {i} is {a} there and {b} here" for i, (a, b) in pairs if a != b),
        f"{len(known)} classes there, {len(here)} here",
    )
    raise DataError(f"{whose} was trained for other classes: {told}")


def _check_indices(samples: Samples, what: str) -> None:
    targets = samples.targets
    if targets.ndim != 1 or targets.dtype.kind not in "iu":
        raise DataError(f"{what} needs one class index per picture as target")
