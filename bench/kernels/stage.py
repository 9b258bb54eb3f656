"""The uint8 stage: policies like AutoAugment, and the colours that are not linear, in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms import v2

from fasttricks.bench.kernels.case import Case, Scale, Way
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.ops import reference as ops_reference
from fasttricks.kernels.ops.apply import apply_ops, ops_bytes
from fasttricks.kernels.ops.batch import apply_ops_batch
from fasttricks.kernels.plan_ops import plan_ops_batch
from fasttricks.kernels.policy import AutoAugment, RandAugment, TrivialAugment
from fasttricks.kernels.steps import STEPS, Op

CHECKED = 4
"""Pictures whose reference is computed; it goes pixel by pixel."""
COORDINATE = 1e-6
"""A source pixel's coordinate so near to the border of two is that of either."""

Picture = NDArray[np.uint8]
Stages = NDArray[Any]


class Kind(NamedTuple):
    """What is done, and what others do for it."""

    augment: Augment
    theirs: v2.Transform
    """torchvision's, for one picture."""
    differs: str = "its own draws"


_JITTER = {"brightness": 0.4, "saturation": 0.4}
KINDS = {
    "autoaugment assembled": Kind(
        Augment(policy=AutoAugment(levels="assembled")),
        v2.AutoAugment(),
        "its own draws and levels",
    ),
    "autoaugment torchvision": Kind(
        Augment(policy=AutoAugment(levels="torchvision")), v2.AutoAugment()
    ),
    "randaugment": Kind(Augment(policy=RandAugment()), v2.RandAugment()),
    "trivialaugment": Kind(Augment(policy=TrivialAugment()), v2.TrivialAugmentWide()),
    "color reference": Kind(Augment(color="reference"), v2.ColorJitter(contrast=0.4, **_JITTER)),
    "color hsv-literal": Kind(
        Augment(color="hsv-literal"),
        v2.ColorJitter(hue=0.2, **_JITTER),
        "its own draws, hue is added to, not multiplied",
    ),
}


class Batch(NamedTuple):
    """Pictures to be changed, and as they were; uint8 [B, size, size, 3]."""

    pixels: torch.Tensor
    before: torch.Tensor


def cases(scale: Scale) -> Iterator[Case]:
    """One for each policy and colour mode."""
    for name in KINDS:
        yield case(scale, name)


def case(scale: Scale, name: str) -> Case:
    """`apply_ops_batch` on the stages of an epoch's first samples."""
    count, size, augment = scale.batch_size, scale.size, KINDS[name].augment
    params = augment.ops(size=size, train=True)
    assert params is not None
    stages = plan_ops_batch(0, 0, range(count), [0] * count, params)
    changed = int(np.count_nonzero(stages["op"][:, 0] != Op.IDENTITY))
    before = make_pictures(scale)

    def expected(batch: Batch) -> NDArray[np.float64]:
        first = batch.before[:CHECKED].cpu().numpy()
        return np.stack([follow(*pair) for pair in zip(first, stages, strict=False)]).astype(float)

    return Case(
        name=f"stage {name} {count} x {size} x {size}",
        nbytes=2 * 3 * max(changed, 1) * size * size,
        make=lambda _: Batch(before.clone(), before),
        reference=expected,
        rtol=0,
        atol=0,
        ways=(
            Way(
                name="fasttricks",
                call=lambda batch: apply_ops_batch(batch.pixels, stages),
                restore=lambda batch: batch.pixels.copy_(batch.before),
            ),
            *torchvision(scale, KINDS[name]),
        ),
        usual=name != "autoaugment torchvision",  # the same steps, to other levels
    )


def make_pictures(scale: Scale) -> torch.Tensor:
    """uint8 [B, size, size, 3], smooth but for some noise, as photographs are: histograms and the
    branches of HSV depend on it."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(scale.batch_size, 3, 8, 8, generator=generator)
    sides = (scale.size, scale.size)
    smooth = torch.nn.functional.interpolate(coarse, sides, mode="bilinear").permute(0, 2, 3, 1)
    noisy = 255 * smooth + 8 * torch.randn(smooth.shape, generator=generator)
    return noisy.clamp(0, 255).to(scale.device, torch.uint8).contiguous()


def follow(picture: Picture, stage: Stages) -> Picture:
    """What the reference makes of a picture, step by step.

    A float32 kernel may land on the other side of an integer than exact arithmetic, and a later
    step (Posterize, Equalize) may make a level into many. So each step goes on from what the kernel
    made of the one before wherever that is as good.
    """
    for step in stage:
        if step["op"] == Op.IDENTITY:
            break
        op, *numbers = (value.item() for value in step)
        exact = ops_reference.apply(Op(op), picture, tuple(numbers))
        made = alone(picture, step)
        as_good = abs(made.astype(int) - exact) <= 1
        if op in ops_reference.GEOMETRIC:
            source = ops_reference.source(Op(op), numbers[0], picture.shape[:2])
            as_good |= _on_a_border(source)[..., None]
        picture = np.where(as_good, made, exact)
    return picture


def alone(picture: Picture, step: Any) -> Picture:
    """What our kernel makes of a picture in one step."""
    stage = np.zeros(STEPS, step.dtype)
    stage[0] = step
    result = picture.copy()
    apply_ops(result, stage, np.empty(ops_bytes(*picture.shape[:2]), np.uint8))
    return result


def _on_a_border(coordinates: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    near = [abs(x - np.round(x)) < COORDINATE for x in coordinates]
    return np.asarray(np.any(near, axis=0))


def torchvision(scale: Scale, kind: Kind) -> Iterator[Way]:
    """`torchvision.transforms.v2`, on one picture after the other; on a GPU also on all at once."""

    def each(pictures: Sequence[Any]) -> list[Any]:
        return [kind.theirs(picture) for picture in pictures]

    yield Way(name="torchvision v2", call=each, prepare=_tensors, differs=kind.differs)
    if scale.device.type == "cpu":
        yield Way(name="torchvision PIL", call=each, prepare=_images, differs=kind.differs)
    else:
        yield Way(
            name="torchvision v2, batch",
            call=kind.theirs,
            prepare=lambda batch: batch.pixels.permute(0, 3, 1, 2).contiguous(),
            differs=f"{kind.differs}, one for the whole batch",
        )


def _tensors(batch: Batch) -> list[torch.Tensor]:
    return [picture.permute(2, 0, 1).contiguous() for picture in batch.pixels]


def _images(batch: Batch) -> list[Image.Image]:
    return [Image.fromarray(picture.numpy()) for picture in batch.pixels]
