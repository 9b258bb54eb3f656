"""The finish with a mix in it: pictures are mixed, or erased in part, in the same pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from fasttricks.bench.kernels import finish, mix_chains
from fasttricks.bench.kernels.case import Case, Scale
from fasttricks.kernels import reference
from fasttricks.kernels.mix.description import CONSTANT, Mixes, check, words
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Mix, Mixup, RandomErasing, has_noise
from fasttricks.kernels.mix.plan import Place, plan_mix

KINDS: dict[str, Mix] = {
    "mixup": Mixup(),
    "cutmix": CutMix(),
    "ricap": RICAP(),
    "erasing": RandomErasing(),
}
GROUP = 32
"""Partners are found inside so many pictures, as in loaders."""
CHECKED = 4
"""Pictures whose reference is computed; one of them has noise, in a reference that takes long."""


def cases(scale: Scale) -> Iterator[Case]:
    """One for each kind of mix and dtype."""
    for name in KINDS:
        for dtype in finish.DTYPES:
            yield case(scale, dtype, name)


def draw(scale: Scale, mix: Mix) -> Mixes:
    """What is done to a batch, MIX [B]."""
    place = Place(seed=0, epoch=0, first=0, batch=0, group=min(GROUP, scale.batch_size))
    drawn = plan_mix((mix,), place, scale.batch_size, 1, scale.size, scale.size).mixes
    check(drawn, scale.batch_size, scale.size, scale.size)
    return drawn


def case(scale: Scale, dtype: torch.dtype, name: str) -> Case:
    """All of `finish` with a mix, against chains with what people mix with behind them."""
    count, size = scale.batch_size, scale.size
    mixes = draw(scale, KINDS[name])
    table = torch.from_numpy(words(mixes)).to(scale.device)

    def expected(batch: finish.Batch) -> Any:
        given = batch.pixels, batch.matrix, batch.flip
        first = (part[:GROUP].cpu().numpy() for part in given)  # all partners are among them
        return reference.mix(reference.finish(*first), mixes[:CHECKED])

    return Case(
        name=f"mix {name} {count} x {size} x {size} to {str(dtype).removeprefix('torch.')}",
        nbytes=3 * (pixels_read(mixes, size, size) + count * size * size * dtype.itemsize),
        make=lambda seed: finish.make_batch(seed, scale, dtype),
        reference=expected,
        rtol=torch.finfo(dtype).eps,
        atol=1e-4,
        ways=(
            *finish.ours(scale, dtype, table, noise=has_noise((KINDS[name],))),
            *mix_chains.chains(scale, dtype, name, mixes),
        ),
        # On a CPU the other types differ as they do in the finish alone.
        usual=dtype == torch.float32 or scale.device.type == "cuda",
    )


def pixels_read(mixes: Mixes, height: int, width: int) -> int:
    """Pixels that outputs are made of: two where pictures are blended, none under a constant."""
    total = 0
    for one in mixes:
        sources = np.ones((height, width), np.int64)
        for patch in one["patches"][: one["count"]]:
            rows = slice(patch["top"], patch["top"] + patch["height"])
            columns = slice(patch["left"], patch["left"] + patch["width"])
            begin = patch["source"], patch["from_top"], patch["from_left"]
            itself = begin == (one["own"], patch["top"], patch["left"])
            shown = patch["source"] != CONSTANT and patch["weight"] > 0
            own = patch["weight"] < 1 and not (shown and itself)
            sources[rows, columns] = int(shown) + int(own)
        total += int(sources.sum())
    return total
