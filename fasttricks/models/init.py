"""First weights: initialisers between which papers and their code differ.

P1 (arXiv 1812.01187) section 2.1 says Xavier; the script of its authors used MXNet's MSRAPrelu.
`fan_in` and `fan_out` are channels (of one group) times kernel area, as torch and MXNet count them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor, nn

from fasttricks.errors import UnknownNameError
from fasttricks.models.config import ModelConfig

PRELU_SLOPE = 0.25
CUT_NORMAL_STD = 0.87962566103423978
"""Standard deviation of a standard normal that is cut off at two."""


def xavier(weight: Tensor) -> Tensor:
    """Uniform in [-a, a], a = sqrt(6 / (fan_in + fan_out)) (P1 section 2.1)."""
    return nn.init.xavier_uniform_(weight)


def msra_prelu(weight: Tensor) -> Tensor:
    """Normal, variance 2 / (1 + 0.25^2) / mean(fan_in, fan_out): MXNet's MSRAPrelu (P1's code)."""
    return nn.init.xavier_normal_(weight, gain=sqrt(2 / (1 + PRELU_SLOPE**2)))


def he(weight: Tensor) -> Tensor:
    """Normal, variance 2 / fan_in (arXiv 1502.01852, equation 10)."""
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


def he_fan_out(weight: Tensor) -> Tensor:
    """Normal, variance 2 / fan_out: torchvision's ResNets."""
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def variance_scaling(weight: Tensor) -> Tensor:
    """Normal cut off at two deviations, variance 1 / fan_in: TensorFlow's, so "Assembled CNN"'s.

    Cutting off takes a part of the variance, so the normal that is cut is wider by 1 / 0.8796.
    """
    fan_in = weight[0].numel()
    std = sqrt(1 / fan_in) / CUT_NORMAL_STD
    return nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


INITIALISERS = {
    "xavier": xavier,
    "msra-prelu": msra_prelu,
    "he": he,
    "he-fan-out": he_fan_out,
    "variance-scaling": variance_scaling,
}


def set_norms(model: nn.Module, config: ModelConfig) -> None:
    """Give all batch norms the configuration's momentum and epsilon."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum, module.eps = config.bn_momentum, config.bn_eps


@torch.no_grad()
def initialise(model: nn.Module, how: str, *, zero_gamma: bool) -> None:
    """Draw all weights of `model` again, in place, from torch's default generator.

    Convolutions and linear layers by `how`, their biases 0; norms gamma 1, beta 0 and fresh
    statistics; fixed buffers of our own layers are rewritten, so that a model built on the meta
    device and given memory by `to_empty` is complete afterwards.

    Args:
        model: any module.
        how: one of `INITIALISERS`.
        zero_gamma: gamma 0 in the last norm of every residual branch, so that every block starts
            as its shortcut (P1 section 3.1); for fresh networks only.

    Raises:
        UnknownNameError: `how` is none of these.
    """
    if how not in INITIALISERS:
        raise UnknownNameError("initialiser", how, list(INITIALISERS))
    draw = INITIALISERS[how]
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            draw(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif callable(reset := getattr(module, "reset_parameters", None)):
            reset()
    if zero_gamma:
        for norm in last_norms(model):
            nn.init.zeros_(norm.weight)


def last_norms(model: nn.Module) -> Iterator[nn.BatchNorm2d]:
    """The last norm of every residual branch: what the blocks name in their `last_norm`."""
    for module in model.modules():
        norm = getattr(module, "last_norm", None)
        if norm is not None:
            assert isinstance(norm, nn.BatchNorm2d)
            yield norm
