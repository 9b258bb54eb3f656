"""Whether any process was asked to stop, known to all at the same step, at no wait.

Signals come to each process when they come, and to one of them only where a scheduler ends one.
All must leave the loop after the same step, or those that go on wait in a collective for ever.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from fasttricks.train.distributed import World


class Vote:
    """Every step each process says whether it was asked to stop, and learns what all said before.

    The sum is under way, in a thread of gloo's, while the next step runs: nobody waits for it but
    where another process is a whole step behind, and then its gradients would be waited for, too.
    It goes over the CPU also where gradients do not, so no GPU is waited for.

    Args:
        world: all of it takes part, so all processes must make one at the same place.
    """

    def __init__(self, world: World) -> None:
        self._alone = world.size == 1
        self._before: tuple[torch.Tensor, dist.Work | None] | None = None
        self._group: Any = None
        if not self._alone and "cpu:" not in dist.get_backend_config():
            self._group = dist.new_group(backend="gloo")  # the caller's is NCCL's alone

    def __call__(self, asked: bool) -> bool:
        """Cast the vote of this step; whether anybody said yes in the step before.

        Alone, there is nobody to ask: the answer is `asked`.
        """
        if self._alone:
            return asked
        before = self._result()
        said = torch.tensor([asked], dtype=torch.int32)
        work = dist.all_reduce(said, op=dist.ReduceOp.MAX, group=self._group, async_op=True)
        self._before = said, work
        return before

    def close(self) -> None:
        """Wait for the last vote: the group must not be left while one is under way."""
        self._result()

    def _result(self) -> bool:
        if self._before is None:
            return False
        (said, work), self._before = self._before, None
        if work is not None:  # as it is for those who are not in the group: nobody here
            work.wait()
        return bool(said.item())
