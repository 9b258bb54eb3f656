"""Weights to begin with: those of a trained network, wherever they fit."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from fasttricks.errors import DataError, some_of
from fasttricks.models.convert import convert, told_by_keys
from fasttricks.train.checkpoint import file_of
from fasttricks.train.checkpoint_file import checked, is_ours
from fasttricks.train.weights import averaged, read_weights, state_dict_of

SHOWN = 4
"""Tensors that a message names."""


def begin_with(model: nn.Module, path: str, name: str) -> str:
    """Put into a network every tensor of a file that has its name and shape there.

    What has none stays as it is: the head of other classes, say, or what an ablation adds.

    Args:
        path: a checkpoint of ours or the folder of a run, whose best one is taken, and of that the
            averaged weights where there are some; or weights of torchvision or timm.
        name: of the network, as `create_model` takes it; says how others' weights are read.

    Returns:
        In a sentence what was found, and what was not.

    Raises:
        CheckpointError: the file cannot be read, or holds no weights.
        DataError: there is no file, or it has nothing for any layer of the network.
        ValueError: others' weights, and they are those of another network than `name`.
    """
    own = model.state_dict()
    given = _given(path, name, own)
    fitting = {key: x for key, x in given.items() if key in own and x.shape == own[key].shape}
    # Vectors fit by chance: norms of as many channels, biases of as many classes.
    if not any(x.ndim > 1 for x in fitting.values()):
        raise DataError(
            f"{path} has nothing that fits a layer of {name} as it is here (see --model.name and "
            "--model.options)"
        )
    model.load_state_dict(fitting, strict=False)
    told = f"{len(fitting):,} of {len(own):,} tensors begin as in {path}"
    if fresh := [key for key in own if key not in fitting]:
        told += f"; fresh: {some_of(fresh, SHOWN)}"
    if unused := [key for key in given if key not in own]:
        told += f"; there, but not here: {some_of(unused, SHOWN)}"
    return told


def _given(path: str, name: str, own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights in a file, by the names that they have with us."""
    file = file_of(Path(path), best=True)
    content = read_weights(file)
    if is_ours(content):
        return averaged(checked(content, file)["state"])
    weights = state_dict_of(content, file)
    if any(key in own for key in weights):  # of a network of ours, kept by somebody's own code
        return weights
    return convert(weights, name, **told_by_keys(weights, name))
