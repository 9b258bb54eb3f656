from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fasttricks.bench import machine


def test_facts_are_json_and_plausible() -> None:
    facts = machine.machine()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpu"]
    assert 1 <= facts["usable_cores"] <= facts["cores"]
    assert facts["memory_gb"] > 0.1


def test_versions_name_the_pil_flavour() -> None:
    found = machine.versions()
    assert {"python", "fasttricks", "torch", "numpy", "PIL"} <= found.keys()
    assert found["PIL"].split()[0] in ("Pillow", "pillow-simd")


def test_description_is_one_line() -> None:
    line = machine.describe(machine.machine(), machine.versions())
    assert "\n" not in line
    assert "torch" in line
    assert "cores" in line


def test_gpus_with_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 580.1'\necho 'NVIDIA H200, 580.1'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert machine._gpus() == ["NVIDIA H200 (driver 580.1)"] * 2
    tool.write_text("#!/bin/sh\necho 'no devices were found'; exit 6\n")
    assert machine._gpus() == []


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_commit_tells_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        names = ("-c", "user.name=t", "-c", "user.email=t@t")
        command = ["git", *names, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    source = tmp_path / "machine.py"
    source.write_text("one")
    monkeypatch.setattr(machine, "__file__", str(source))
    assert machine.commit() == "unknown"
    git("init", "-q")
    assert machine.commit() == "unknown"
    git("add", ".")
    git("commit", "-qm", "one")
    assert machine.commit() == git("rev-parse", "HEAD")
    source.write_text("two")
    assert machine.commit() == git("rev-parse", "HEAD") + "+dirty"
    other = tmp_path / "other"
    other.mkdir()
    (other / "machine.py").touch()  # an installed copy inside somebody else's repository
    monkeypatch.setattr(machine, "__file__", str(other / "machine.py"))
    assert machine.commit() == "unknown"
