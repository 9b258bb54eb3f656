"""How many threads torch computes a step with on the CPU, beside the loader's.

Every operation of a step is shared out to torch's threads and waited for, hundreds of times in a
step, and threads that sleep meanwhile have to be woken. With a small network on small pictures that
takes more than what two threads gain, and costs half as much CPU time again.

The number decides in which order torch adds, so the last bits of what is learned depend on it.
It is therefore worked out from network, pictures and CPUs alone, never measured: the same run on
the same machine has the same number every time, when resumed, too.
"""

from __future__ import annotations

import os

import torch
from torch import nn

from fasttricks.models.count import LAYERS, count
from fasttricks.pipelines.options import Options
from fasttricks.train.distributed import World

GRAIN = 25_000_000
"""Multiply-accumulates of a layer's forward pass that a thread is worth: half a millisecond.

CPU time of a step on two cores, with one thread and with two: 69 and 96 ms where the mean layer has
34 million (`cpu-small`), 98 and 111 ms with 61 million.
"""


def use_threads(model: nn.Module, options: Options, world: World) -> str:
    """Let torch compute steps on the CPU with as many threads as pay; on a GPU change nothing.

    `OMP_NUM_THREADS`, which torchrun sets to 1, is meant where the user set it, and stays.

    Args:
        options: of the loader that feeds this process.

    Returns:
        In words what uses how many.
    """
    loads = f"{options.num_threads} to load"
    if world.device.type != "cpu":
        return f"threads: {loads}"
    if "OMP_NUM_THREADS" not in os.environ:
        batch = options.views * options.batch_size
        torch.set_num_threads(worthwhile(model, options.size_at(0), batch, world.threads))
    return f"threads: {torch.get_num_threads()} to compute, {loads}"


def worthwhile(model: nn.Module, size: int, batch: int, cpus: int) -> int:
    """As many threads, from 1 to `cpus`, as each have `GRAIN` of the mean layer to do.

    The network is called once for that, in evaluation mode and with shapes only (torch's meta
    device); one that looks at values on its way cannot be counted, and gets all.

    Args:
        size: side of pictures in pixels.
        batch: pictures in a forward pass.
    """
    layers = sum(isinstance(module, LAYERS) for module in model.modules())
    try:
        macs = count(model, size).macs * batch
    except (RuntimeError, NotImplementedError):  # what torch raises where there are only shapes
        return cpus
    return max(1, min(cpus, macs // (GRAIN * max(1, layers))))
