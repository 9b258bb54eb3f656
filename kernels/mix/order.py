"""In which order to make mixed pictures, so that few unmixed ones are needed at a time.

A picture is in a cache still right after it was made. So an output comes next that needs the one
made last: with mixup that follows the partners round their circle, and three pictures are enough,
where a group in its own order needs up to all of its pictures at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import Mixes

Ints = npt.NDArray[np.int64]


class Order(NamedTuple):
    """Outputs in parts that have no picture in common."""

    outputs: Ints
    """[B], part by part, each in the order in which to make them."""
    starts: Ints
    """[parts + 1]: where in `outputs` each part begins, and B."""
    uses: Ints
    """[R]: how often each picture is named by the outputs, several times by one if it does so."""


def mix_order(mixes: Mixes, rows: int) -> Order:
    """The order for B outputs made of R `rows`.

    Args:
        mixes: MIX [B], right as `kernels.mix.description.check` says.
    """
    outputs, starts = np.empty(len(mixes), np.int64), np.empty(len(mixes) + 1, np.int64)
    uses = np.zeros(rows, np.int64)
    parts = _order(mixes, outputs, starts, uses)
    return Order(outputs, starts[: parts + 1], uses)


@kernel
def source_of(mixes: Mixes, output: int, number: int) -> np.int64:
    """The picture that an output names: number 0 its own, then its patches'; -1 for no picture."""
    mix = mixes[output]
    return np.int64(mix.own if number == 0 else mix.patches[number - 1].source)


@kernel
def call_source(mixes: Mixes, output: int, number: int, name: int) -> None:
    """Let an output name another picture, see `source_of`."""
    if number == 0:
        mixes[output].own = name
    else:
        mixes[output].patches[number - 1].source = name


@kernel
def _order(mixes: Mixes, outputs: Ints, starts: Ints, uses: Ints) -> int:
    """Write an `Order`; how many parts it has."""
    count = len(mixes)
    for output in range(count):
        for number in range(mixes[output].count + 1):
            source = source_of(mixes, output, number)
            if source >= 0:
                uses[source] += 1
    # The users of a picture that was not looked at yet: `users` from `first` up to `filled` of it.
    first = np.zeros(len(uses) + 1, np.int64)
    first[1:] = np.cumsum(uses)
    users, filled = np.empty(first[-1], np.int64), first.copy()
    for output in range(count):
        for number in range(mixes[output].count + 1):
            source = source_of(mixes, output, number)
            if source >= 0:
                users[filled[source]] = output
                filled[source] += 1
    done, seen = np.zeros(count, np.bool_), np.zeros(len(uses), np.bool_)
    latest, depth = np.empty(len(uses), np.int64), 0  # pictures, the last one to be made on top
    made, parts = 0, 0
    for seed in range(count):
        if done[seed]:
            continue
        starts[parts] = made
        parts += 1
        output = seed
        while output >= 0:
            done[output] = True
            outputs[made] = output
            made += 1
            for number in range(mixes[output].count + 1):
                source = source_of(mixes, output, number)
                if source >= 0 and not seen[source]:
                    seen[source] = True
                    latest[depth] = source
                    depth += 1
            output = -1
            while output < 0 and depth > 0:
                top = latest[depth - 1]
                if first[top] == filled[top]:
                    depth -= 1
                    continue
                user = users[first[top]]
                first[top] += 1
                if not done[user]:
                    output = user
    starts[parts] = made
    return parts
