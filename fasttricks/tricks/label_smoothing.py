"""Label smoothing: a little of the target goes to all classes, so that logits stay finite.

Two forms are in use, and they are one: what P1 (arXiv 1812.01187, section 5.2) writes with eps is
what every published code does with eps * K / (K - 1). The loss is in `soft_targets`.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

Form = Literal["uniform", "paper"]
FORMS: tuple[str, ...] = get_args(Form)


def uniform_share(smoothing: float, num_classes: int, form: Form = "uniform") -> float:
    """How much of the target is spread evenly over all K classes, the true one among them.

    Args:
        smoothing: eps in [0, 1).
        num_classes: K.
        form: `uniform`, as torch, TensorFlow and P1's own script: the true class has
            1 - eps + eps / K and each other eps / K. `paper`, as P1 writes: 1 - eps, and
            eps / (K - 1). For K = 1000 they are alike, for K = 10 they are not.

    Raises:
        ValueError: no such form, eps out of range, or so large that the true class, in the form of
            the paper, would have less than the others.
    """
    if form not in FORMS:
        raise ValueError(f"smoothing form must be one of {', '.join(FORMS)}; got {form!r}")
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must lie in [0, 1); got {smoothing}")
    if form == "uniform" or smoothing == 0:
        return smoothing
    share = smoothing * num_classes / (num_classes - 1) if num_classes > 1 else math.inf
    if share > 1:
        raise ValueError(
            f"smoothing {smoothing} in the paper's form needs more than {num_classes} classes: "
            "the true class would have less than the others"
        )
    return share
