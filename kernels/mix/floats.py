"""Mix finished float pictures of any trainer's batch: any device, dtype and layout.

What is done is known on the host, so nothing is computed that is not shown: a mixed picture is one
pass over it and its partner, a rectangle is a copy of that rectangle. On CUDA all of it is one
kernel, `floats_triton`; elsewhere, and wherever gradients are wanted, it is torch's operations
on slices, picture by picture, each of which then is in a cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fasttricks.kernels.mix.description import CONSTANT, Mixes, words
from fasttricks.kernels.mix.floats_copy import copy_own_and_first
from fasttricks.kernels.mix.floats_noise import noisy

SMALL, TOGETHER = 1 << 14, 1 << 18
"""SMALL: pictures up to this size (in numbers) are blended several per call. TOGETHER: numbers per
call, chosen to fit a cache."""
_FIELDS = "top", "left", "height", "width", "source", "from_top", "from_left", "weight", "noise"


def mix_floats(images: torch.Tensor, mixes: Mixes) -> torch.Tensor:
    """Make pictures out of finished pictures, as `mixes` describe it (see `mix.description`).

    Computed in float32 (in float64 for float64), rounded once. On CUDA it is queued on the current
    stream without waiting for it.

    Args:
        images: floats [B_in, C, H, W].
        mixes: MIX [B_out], right as `kernels.mix.description.check` says, which is not called.

    Returns:
        [B_out, C, H, W], dtype and memory format of `images`, contiguous. A constant's `value` is
        R, G, B where C is 3, else its first number is that of all channels. Channel c of pixel i
        gets normal c % 3 of block i + (c // 3) * H * W as noise.

    Raises:
        ValueError: `images` are no such floats, or Triton is needed and not installed.
    """
    if images.ndim != 4 or not images.is_floating_point():
        given = f"{images.dtype} {list(images.shape)}"
        raise ValueError(f"mix: images must be floats [B, C, H, W]; got {given}")
    if not images.is_cuda or _differentiated(images):
        return mix_slices(images, mixes)
    if find_spec("triton") is None:
        raise ValueError("mix: on CUDA it needs Triton, which is not installed: pip install triton")
    from fasttricks.kernels.mix import floats_triton

    noise = bool(mixes["patches"]["noise"].any())
    return floats_triton.mix(images, sent(words(mixes), images.device), noise)


def layout(images: torch.Tensor) -> torch.memory_format:
    """The memory format of the result: that of `images`, or contiguous if they have none."""
    last = torch.channels_last
    interleaved = not images.is_contiguous() and images.is_contiguous(memory_format=last)
    return last if interleaved else torch.contiguous_format


def sent(numbers: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """A tensor on `device`, which the host does not wait for; on the CPU the same memory."""
    tensor = torch.from_numpy(numbers)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def mix_slices(images: torch.Tensor, mixes: Mixes) -> torch.Tensor:
    """`mix_floats` without Triton: torch's operations, picture by picture; differentiable."""
    memory, own = layout(images), mixes["own"].tolist()
    channels, height, width = images.shape[1:]
    done = np.zeros(len(own), np.int64)
    pictures: Sequence[torch.Tensor] | torch.Tensor
    made: Sequence[torch.Tensor] | torch.Tensor
    if separate := _differentiated(images):
        # Written into one tensor, each picture's gradient would cost a copy of all gradients.
        pictures = images.unbind()
        made = [pictures[number].clone() for number in own]
    else:
        pictures = images = images.detach().contiguous(memory_format=memory)
        made = out = empty(images, len(own), memory)
        if images.device.type == "cpu":
            done = copy_own_and_first(images, out, mixes)
            _blend_small(images, out, mixes, done)
        else:
            torch.index_select(images, 0, sent(mixes["own"].copy(), images.device), out=out)
    values = sent(np.ascontiguousarray(mixes["patches"]["value"]), images.device)
    for number, which, patch in _remaining(mixes, done):
        if patch.source != CONSTANT:
            shown = _window(pictures[patch.source], patch.from_top, patch.from_left, patch)
        elif patch.noise > 0:
            shown = sent(noisy(mixes[number], which, (channels, height, width)), images.device)
        else:
            value = values[number, which] if channels == 3 else values[number, which, :1]
            shown = value[:, None, None].expand(channels, patch.height, patch.width)
        place = patch.top, patch.left, patch
        mine = _window(pictures[own[number]], *place)
        _show(_window(made[number], *place), mine, shown, patch.weight)
    return torch.stack(list(made)).contiguous(memory_format=memory) if separate else out


def _blend_small(
    images: torch.Tensor, out: torch.Tensor, mixes: Mixes, done: NDArray[np.int64]
) -> None:
    """Blend whole pictures, some together where a call for each would take longer than its work."""
    first, size = mixes["patches"][:, 0], images[0].numel()
    whole = (first["height"] == images.shape[2]) & (first["width"] == images.shape[3])
    rows = np.flatnonzero(whole & (first["source"] != CONSTANT) & (mixes["count"] > 0) & (done < 2))
    own, source, weight = mixes["own"][rows], first["source"][rows], first["weight"][rows]
    if size > SMALL or not ((weight > 0) & (weight < 1)).any():
        return
    # A share of 0 or 1 is a blend of one picture with itself: they are often so near that it is.
    pairs = np.where(weight == 1, source, own), np.where(weight == 0, own, source)
    exact = torch.promote_types(images.dtype, torch.float32)
    flat, flat_out = _flat(images), _flat(out)
    for some in np.array_split(np.arange(len(rows)), -(-len(rows) * size // TOGETHER)):
        mine, shown = (
            flat.index_select(0, torch.from_numpy(numbers[some])).to(exact) for numbers in pairs
        )
        mine.lerp_(shown, torch.from_numpy(weight[some]).to(exact)[:, None])
        # All of them is the usual case, and written in half the time.
        every = len(rows) == len(mixes)
        here = slice(int(some[0]), int(some[-1]) + 1) if every else torch.from_numpy(rows[some])
        flat_out[here] = mine.to(out.dtype)
    done[rows] = 1


def _flat(images: torch.Tensor) -> torch.Tensor:
    """The numbers of each picture as they lie in memory, [B, C * H * W]."""
    return (images if images.is_contiguous() else images.permute(0, 2, 3, 1)).flatten(1)


def empty(images: torch.Tensor, count: int, memory: torch.memory_format) -> torch.Tensor:
    """Room for this many pictures like `images`."""
    shape = (count, *images.shape[1:])
    return torch.empty(shape, dtype=images.dtype, device=images.device, memory_format=memory)


def _differentiated(images: torch.Tensor) -> bool:
    return images.requires_grad and torch.is_grad_enabled()


class _Patch(NamedTuple):
    """PATCH without its value."""

    top: int
    left: int
    height: int
    width: int
    source: int
    from_top: int
    from_left: int
    weight: float
    noise: float


def _remaining(mixes: Mixes, done: NDArray[np.int64]) -> Iterator[tuple[int, int, _Patch]]:
    """(output, which of its patches, the patch) of those with pixels that are not done, in the
    order in which they are to be written to each output."""
    counts = mixes["count"]
    for which in range(counts.max(initial=0)):
        patches = mixes["patches"][:, which]
        here = (done <= which) & (which < counts) & (patches["height"] > 0) & (patches["width"] > 0)
        numbers = np.flatnonzero(here)
        fields = (patches[name][numbers].tolist() for name in _FIELDS)
        for number, *fields_of_one in zip(numbers.tolist(), *fields, strict=True):
            yield number, which, _Patch(*fields_of_one)


def _window(picture: torch.Tensor, top: int, left: int, patch: _Patch) -> torch.Tensor:
    """The pixels of a picture [C, H, W] from (top, left) on, as many as the patch has."""
    if picture.shape[1:] == (patch.height, patch.width):
        return picture
    return picture[:, top : top + patch.height, left : left + patch.width]


def _show(out: torch.Tensor, own: torch.Tensor, shown: torch.Tensor, weight: float) -> None:
    """Write the blend to `out`. lerp of a number computes half precision in float32."""
    if weight == 1:
        out.copy_(shown)
    elif weight == 0:
        out.copy_(own)
    elif _differentiated(own) or _differentiated(shown) or shown.dtype != own.dtype:
        exact = torch.promote_types(own.dtype, shown.dtype)
        out.copy_(torch.lerp(own.to(exact), shown.to(exact), weight))
    else:
        torch.lerp(own, shown, weight, out=out)
