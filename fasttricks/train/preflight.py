"""Whether device, network and pictures go together, known before the first step.

Else it would be told after the first epoch, when pictures of another size are to be evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from fasttricks.models.trace import mode_of, model_on_meta
from fasttricks.pipelines.loader import Loader
from fasttricks.precision import FLOAT16_ON_CPU
from fasttricks.train.batchnorm import buffers_kept
from fasttricks.train.config import Recipe
from fasttricks.train.distributed import World
from fasttricks.train.evaluate import device_of


def check_device(recipe: Recipe, world: World) -> None:
    """Raises ValueError if a recipe asks for what its device, or this many processes, cannot do."""
    if recipe.cuda_graph and (world.device.type != "cuda" or world.size > 1):
        raise ValueError("cuda_graph is for one process on a CUDA device")
    if recipe.precision == "float16" and world.device.type == "cpu":
        remedy = "give --precision float32, or take the recipe cpu-small, made for CPUs"
        raise ValueError(f"{FLOAT16_ON_CPU}: {remedy}")


def check_pictures(model: nn.Module, train: Loader, evaluation: Loader | None, epochs: int) -> None:
    """Call a network in shapes only with all sizes of pictures that it is going to see.

    Args:
        train, evaluation: what gives the pictures; sizes of those to train on may grow over the
            `epochs`.

    Raises:
        ValueError: it cannot take one of them; names the setting.
    """
    options = train.options
    batch = options.views * options.batch_size
    norms = [module for module in model.modules() if isinstance(module, _NormBase)]
    for size in sorted({options.size_at(epoch) for epoch in range(epochs)}):
        what = f"pictures of {size} pixels (--data.size)"
        _check(model, what, size, batch, norms, training=True)
    if evaluation is not None:
        size = evaluation.options.size_at(0)
        _check(model, f"pictures of {size} pixels (--data.eval-size)", size, 1, (), training=False)


def _check(
    model: nn.Module,
    what: str,
    size: int,
    batch: int,
    norms: Iterable[nn.Module],
    *,
    training: bool,
) -> None:
    def two_values(_: nn.Module, given: tuple[Any, ...]) -> None:
        x = given[0]
        if isinstance(x, Tensor) and x.ndim > 1 and x.numel() == x.shape[1]:
            raise ValueError(
                f"batch norm would get one value of each channel, and needs more: {batch} a "
                "process at once are too few (--data.batch-size, --accumulate), or too small "
                "(--data.size)"
            )

    hooks = [norm.register_forward_pre_hook(two_values) for norm in norms]
    try:
        with mode_of(model, training=training), torch.no_grad():
            _call(model, size, batch)
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"the network cannot take {what}: {reason}") from error
    finally:
        for hook in hooks:
            hook.remove()


def _call(model: nn.Module, size: int, batch: int) -> None:
    """In shapes; with real zeros where a network looks at values on its way."""
    try:
        model_on_meta(model, torch.float32, batch, size)
    except (RuntimeError, NotImplementedError):
        with buffers_kept(model):
            model(torch.zeros(batch, 3, size, size, device=device_of(model)))
