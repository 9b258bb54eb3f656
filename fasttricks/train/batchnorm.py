"""BatchNorm's statistics where several processes train.

Each process gathers those of the parts of batches that it sees; their mean is that of the whole
batches, for a running mean of means is the mean of running means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fasttricks.train.distributed import World


@contextmanager
def shared_statistics(model: nn.Module, world: World) -> Iterator[dict[str, Tensor]]:
    """Inside, the model's statistics are the mean of all processes'; after it, its own again.

    So training does not depend on when it was evaluated or saved, not by a last bit either, and a
    run that was stopped may go on exactly where it was.

    Yields:
        By name what this process has gathered itself; empty where it is alone.
    """
    if world.size == 1:
        yield {}
        return
    state = model.state_dict()
    floats = [name for name, value in model.named_buffers() if value.is_floating_point()]
    used = {name: state[name] for name in floats if name in state}
    own = {name: value.clone() for name, value in used.items()}
    world.average(list(used.values()))
    try:
        yield own
    finally:
        for name, value in used.items():
            value.copy_(own[name])


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """What passes inside do to the model's buffers is taken back."""
    before = [buffer.clone() for buffer in model.buffers()]
    yield
    for buffer, value in zip(model.buffers(), before, strict=True):
        buffer.copy_(value)


def all_finite(model: nn.Module, world: World) -> bool:
    """Whether weights and statistics are numbers in all processes. Waits for the device."""
    values = [value for value in model.state_dict().values() if value.is_floating_point()]
    wrong = torch.stack([~value.isfinite().all() for value in values]).any()
    return not world.sum(wrong.double()).item()
