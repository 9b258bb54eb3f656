"""The states of all random generators that training may draw from."""

from __future__ import annotations

import random

import numpy as np
import torch

from fasttricks.train.checkpoint_file import State


def rng_state() -> State:
    """The state of Python's, NumPy's and torch's generators, as `Checkpoints` can keep it."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "python": random.getstate(),
        "numpy": (str(kind), torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def set_rng_state(state: State) -> None:
    """Go on where `rng_state` was taken. GPUs that were not there then keep their state."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    for device, one in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(one.cpu(), device)
