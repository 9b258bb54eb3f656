"""Scripts of tests, run by processes that torchrun starts."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_by_torchrun(script: str, *arguments: str | Path, processes: int = 2) -> str:
    """Run a script beside this file; what was printed, after all have ended well."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *(f"--nproc-per-node={processes}", ROOT / "tests/train" / script, *arguments),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-9000:]
    return done.stdout
