"""What a bench needs of the machine, looked for before anything is packed or started."""

from __future__ import annotations

import shutil
from pathlib import Path

from fasttricks.bench.config import BenchConfig
from fasttricks.errors import FasttricksError


def check(config: BenchConfig) -> None:
    """Look for the device and the other interpreter that were asked for.

    Raises:
        FasttricksError: a device or an interpreter is not there.
    """
    check_device(config.device)
    if config.tf_python is not None:
        _check_interpreter(config.tf_python)


def check_device(device: str) -> None:
    """Raises FasttricksError: torch does not see the device."""
    if device == "cuda":
        import torch  # only here: it takes seconds

        if not torch.cuda.is_available():
            raise FasttricksError("--device cuda: torch sees no CUDA device here")


def _check_interpreter(path: Path) -> None:
    if shutil.which(path) is None:
        what = "is not an executable file" if path.exists() else "does not exist"
        raise FasttricksError(f"--tf-python: {path} {what}")
