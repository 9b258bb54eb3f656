"""No bias decay: weight decay is for the weights of convolutions and linear layers alone."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

Rule = Literal["weights-only", "norms-exempt", "all"]

_NORMS = (
    nn.modules.batchnorm._NormBase,  # BatchNorm and InstanceNorm
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


def parameter_groups(
    model: nn.Module, weight_decay: float, rule: Rule = "weights-only"
) -> list[dict[str, Any]]:
    """The trainable parameters, divided as an optimiser takes them.

    Args:
        model: any net. Frozen parameters are left out, shared ones come once.
        weight_decay: of the first group; the second has 0.
        rule: which are decayed.
            `weights-only`: P1 (arXiv 1812.01187) section 3.1, weights of at least two dimensions
            outside norms; no bias, no gamma, no beta. `norms-exempt`: as P2's code, all but gamma
            and beta, so the last layer's bias too. `all`: everything.

    Returns:
        [{"params", "weight_decay", "name": "decayed"}, {..., "name": "undecayed"}], without a
        group that would be empty.
    """
    norms = {id(p) for m in model.modules() if isinstance(m, _NORMS) for p in m.parameters(False)}
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        is_weight = parameter.ndim > 1 and name.rpartition(".")[2] != "bias"
        decays = {
            "weights-only": is_weight and id(parameter) not in norms,
            "norms-exempt": id(parameter) not in norms,
            "all": True,
        }[rule]
        (decayed if decays else undecayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "name": "decayed"},
        {"params": undecayed, "weight_decay": 0.0, "name": "undecayed"},
    ]
    return [group for group in groups if group["params"]]
