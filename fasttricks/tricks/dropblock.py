"""DropBlock's schedule: nothing is dropped at first, and ever more up to the end of training."""

from __future__ import annotations

from torch import nn

from fasttricks.models.dropblock import DropBlock2d, set_keep


class DropBlockSchedule:
    """Keep falls linearly from 1 at step 0 to `target` after `steps` steps, and then stays.

    Call it with the step, counted from 0, before that step: `schedule(step)` writes the share into
    every DropBlock of the model, without waiting for the device and without recompiling. It has no
    state of its own, so there is nothing to resume. A model without DropBlock is left alone.

    Source: "Assembled CNN" (arXiv 2001.06268) section 3.2.4; the step counts as in its code, so the
    last step of the training is still one part in `steps` short of the target.

    Args:
        model: whose configuration says the target; wrapped (DDP, compiled) or not.
        steps: of the whole training.

    Raises:
        ValueError: a network that has DropBlock, and no configuration as ours have.
    """

    def __init__(self, model: nn.Module, steps: int) -> None:
        layers = [module for module in model.modules() if isinstance(module, DropBlock2d)]
        self.steps = steps
        self.target = _configured(model) if layers else 1.0
        self._layers = nn.ModuleList(layers)  # looked up once, not in every step

    def keep(self, step: int) -> float:
        """The share kept in a step."""
        return 1.0 + (self.target - 1.0) * min(step / self.steps, 1.0)

    def __call__(self, step: int) -> None:
        if len(self._layers):
            set_keep(self._layers, self.keep(step))


def _configured(model: nn.Module) -> float:
    """The target in the configuration of a network of ours, however it is wrapped."""
    for module in model.modules():
        dropblock = getattr(getattr(module, "config", None), "dropblock", None)
        if dropblock is not None:
            return float(dropblock.keep)
    raise ValueError("this network has DropBlock, but no config.dropblock.keep, where it ends")
