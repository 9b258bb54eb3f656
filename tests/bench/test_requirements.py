from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fasttricks.bench import requirements
from fasttricks.bench.config import BenchConfig
from fasttricks.errors import FasttricksError


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    config = BenchConfig(device="cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(FasttricksError, match="--device cuda: torch sees no CUDA device"):
        requirements.check(config)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    requirements.check(config)


def test_an_interpreter_that_cannot_be_started(tmp_path: Path) -> None:
    requirements.check(BenchConfig(tf_python=Path(sys.executable)))
    plain = tmp_path / "python"
    for path, why in ((plain, "does not exist"), (tmp_path, "not an executable file")):
        with pytest.raises(FasttricksError, match=f"--tf-python: {path} .*{why}"):
            requirements.check(BenchConfig(tf_python=path))
    plain.touch()
    with pytest.raises(FasttricksError, match="not an executable file"):
        requirements.check(BenchConfig(tf_python=plain))
    plain.chmod(0o755)
    requirements.check(BenchConfig(tf_python=plain))


def test_the_cpu_needs_no_torch() -> None:
    code = (
        "import sys; from fasttricks.bench import requirements as r, config as c;"
        "r.check(c.BenchConfig()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
