"""The plan of a sample's operations: what is done to its uint8 pixels, and how strongly.

As in `kernels.plan`, everything is a pure function of (seed, epoch, index, view).

Words of the blocks: round r of a policy draws from stream POLICY + r the row of the table (word 0),
whether each of its two choices is taken (words 1 and 2), and their signs (the two highest bits of
word 3). Coefficients of hue, saturation and brightness are those that the linear colour has (words
1, 2 and 3 of FLIP_AND_JITTER); contrast and the order of the three are words 0 and 1 of
CONTRAST_AND_ORDER.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.augment import HSV_LITERAL, REFERENCE, OpsParams
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.philox import Word, philox, unit
from fasttricks.kernels.plan import CONTRAST_AND_ORDER, FLIP_AND_JITTER, POLICY, Ints, between
from fasttricks.kernels.steps import STEP, STEPS, Op

Ops = npt.NDArray[np.void]

# Which of brightness, contrast and saturation (0, 1, 2) comes first, second, third.
ORDERS = np.array([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])

_IDENTITY, _HSV = int(Op.IDENTITY), int(Op.JITTER_HSV)
_FIRST_JITTER = int(Op.JITTER_BRIGHTNESS)  # contrast and saturation follow it


@kernel
def plan_ops(seed: Word, epoch: int, index: int, view: int, p: OpsParams, out: Ops) -> None:
    """Write one sample's ops into `out`, STEP [STEPS]: the policy's steps, then the colour's."""
    for k in range(out.shape[0]):
        _put(out, k, _IDENTITY, 0.0, 0.0, 0.0)
    count = 0
    for r in range(p.rounds):
        count = _policy_round(philox(index, view, epoch, POLICY + r, seed), p.table, out, count)
    if p.color == 0:
        return
    _, r1, r2, r3 = philox(index, view, epoch, FLIP_AND_JITTER, seed)
    saturation, brightness = between(p.saturation, r2), between(p.brightness, r3)
    if p.color == HSV_LITERAL:
        _put(out, count, _HSV, between(p.hue, r1), saturation, brightness)
    elif p.color == REFERENCE:
        r0, r1, _, _ = philox(index, view, epoch, CONTRAST_AND_ORDER, seed)
        amounts = (brightness, between(p.contrast, r0), saturation)
        order = ORDERS[int(unit(r1) * len(ORDERS))]
        for k in range(3):
            _put(out, count + k, _FIRST_JITTER + order[k], amounts[order[k]], 0.0, 0.0)


@kernel
def _policy_round(words: tuple[Word, Word, Word, Word], table: Any, out: Ops, count: int) -> int:
    """Draw a row of `table`, append what is taken of it; gives the new number of steps."""
    row, take0, take1, signs = words
    choices = table[int(unit(row) * table.shape[0])]
    for k in range(2):
        choice = choices[k]
        negative = (signs >> np.uint64(31 - k)) & np.uint64(1) == 1
        if choice.op != _IDENTITY and unit(take0 if k == 0 else take1) < choice.probability:
            amount = choice.base - choice.swing if negative else choice.base + choice.swing
            _put(out, count, choice.op, amount, choice.second, 0.0)
            count += 1
    return count


@kernel
def _put(out: Ops, k: int, op: int, amount: float, second: float, third: float) -> None:
    step = out[k]
    step.op, step.amount, step.second, step.third = op, amount, second, third


@kernel
def _plan_ops_batch(
    seed: Word, epoch: int, indices: Ints, views: Ints, p: OpsParams, out: Ops
) -> None:
    for i in range(indices.shape[0]):
        plan_ops(seed, epoch, indices[i], views[i], p, out[i])


def plan_ops_batch(
    seed: int,
    epoch: int,
    indices: npt.ArrayLike,
    views: npt.ArrayLike,
    params: OpsParams,
) -> Ops:
    """The ops of a batch, STEP [B, STEPS].

    Args:
        seed: below 2**64. epoch: below 2**32.
        indices, views: int64 [B], sample index in the data set and which of its views.
        params: `Augment.ops(...)`.
    """
    arrays = [np.ascontiguousarray(a, np.int64) for a in (indices, views)]
    ops = np.empty((len(arrays[0]), STEPS), STEP)
    _plan_ops_batch(np.uint64(seed), np.int64(epoch), *arrays, params, ops)
    return ops
