"""DistributedDataParallel's buckets, brought to their final order before anything is learned.

Gradients are added up over processes bucket by bucket, and with three processes or more the place
in a bucket decides in which order a gradient is added. torch (2.15) makes its buckets once more, by
the order in which gradients came: at the third pass of a static graph, at the second of another. A
process that goes on from a checkpoint would begin with the first buckets again, and its weights
would differ from those of an unbroken run in their last bits.
"""

from __future__ import annotations

from collections.abc import Callable

from torch.nn.parallel import DistributedDataParallel

from fasttricks.train.batchnorm import buffers_kept
from fasttricks.train.rng import rng_state, set_rng_state

PASSES = 2
"""After which the next one has the final buckets, whether the graph is static or not."""


def settle(model: DistributedDataParallel, run: Callable[[], object]) -> None:
    """Make passes that leave nothing behind but the order in which gradients come.

    Args:
        run: forward and backward over a batch such as will be trained on.
    """
    random = rng_state()
    with buffers_kept(model):
        for _ in range(PASSES):
            run()
    set_rng_state(random)
    for parameter in model.parameters():
        parameter.grad = None
