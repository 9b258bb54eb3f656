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
        model: of ours; wrapped (DDP, compiled) or not.
        steps: of the whole training.
        target: share kept in the end, in (0, 1]. None: what the network's configuration says.

    Raises:
        ValueError: steps below 1, a target out of range, or none given for a network that has
            DropBlock but no configuration of ours.
    """

    def __init__(self, model: nn.Module, steps: int, target: float | None = None) -> None:
        if steps < 1:
            raise ValueError(f"steps={steps}: at least 1")
        layers = [module for module in model.modules() if isinstance(module, DropBlock2d)]
        if target is None:
            target = _configured(model) if layers else 1.0
        if not 0 < target <= 1:
            raise ValueError(f"target={target}: allowed are numbers above 0, up to 1")
        self.steps = steps
        self.target = target
        self._layers = nn.ModuleList(layers)  # looked up once, not in every step

    def keep(self, step: int) -> float:
        """The share kept in a step."""
        if step < 0:
            raise ValueError(f"steps count from 0; got {step}")
        done = min(step / self.steps, 1.0)
        return 1.0 + (self.target - 1.0) * done

    def __call__(self, step: int) -> None:
        if len(self._layers):
            set_keep(self._layers, self.keep(step))

    def __str__(self) -> str:
        if not len(self._layers):
            return "no DropBlock"
        return f"keep from 1 to {self.target:g} over {self.steps:,} steps"


def _configured(model: nn.Module) -> float:
    """The target in the configuration of a network of ours, however it is wrapped."""
    for module in model.modules():
        dropblock = getattr(getattr(module, "config", None), "dropblock", None)
        if dropblock is not None:
            return float(dropblock.keep)
    raise ValueError("target=None: this network has DropBlock, but does not say what to keep")
