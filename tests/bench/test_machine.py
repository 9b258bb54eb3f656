from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from fasttricks.bench import machine
from fasttricks.installed import NO_TURBOJPEG, find_turbojpeg
from fasttricks.versions import versions


def test_facts_are_json_and_plausible() -> None:
    facts = machine.machine()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpu"]
    assert 1 <= facts["usable_cores"] <= facts["cores"]
    assert facts["memory_gb"] > 0.1


def test_versions_name_the_pil_flavour() -> None:
    found = versions()
    assert {"python", "fasttricks", "torch", "numpy", "PIL"} <= found.keys()
    assert found["PIL"].split()[0] in ("Pillow", "pillow-simd")


def test_the_version_of_libturbojpeg_is_in_every_result() -> None:
    if not find_turbojpeg():
        pytest.skip(NO_TURBOJPEG)
    assert re.fullmatch(r"[23]\.\d+[.\w]*", machine.provenance()["versions"]["libturbojpeg"])


def test_without_libturbojpeg_it_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_turbojpeg", lambda: None)
    assert "libturbojpeg" not in machine.provenance()["versions"]


def test_description_is_one_line() -> None:
    line = machine.describe(machine.machine(), versions())
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


class Repository:
    """A git repository in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q")

    def git(self, *arguments: str) -> str:
        names = ("-c", "user.name=t", "-c", "user.email=t@t")
        command = ["git", *names, "-C", str(self.folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def add(self, *names: str) -> str:
        """Commit these files, made where they are missing; the commit."""
        for name in names:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.touch()
        self.git("add", *names)
        self.git("commit", "-qm", "more")
        return self.git("rev-parse", "HEAD")


needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@needs_git
def test_commit_tells_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "bench/machine.py"
    monkeypatch.setattr(machine, "__file__", str(source))
    source.parent.mkdir()
    source.write_text("one")
    assert machine.commit() == "unknown"
    repository = Repository(tmp_path)
    assert machine.commit() == "unknown"
    head = repository.add("bench/machine.py")
    assert machine.commit() == head
    source.write_text("two")
    assert machine.commit() == head + "+dirty"


@needs_git
def test_files_that_are_not_committed_yet_have_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = Repository(tmp_path).add("pyproject.toml")
    source = tmp_path / "bench/machine.py"
    source.parent.mkdir()
    source.touch()
    monkeypatch.setattr(machine, "__file__", str(source))
    assert machine.commit() == head + "+dirty"


@needs_git
def test_an_installed_copy_in_another_repository_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Repository(tmp_path).add("pyproject.toml")
    source = tmp_path / "env/fasttricks/bench/machine.py"
    source.parent.mkdir(parents=True)
    source.touch()
    monkeypatch.setattr(machine, "__file__", str(source))
    assert machine.commit() == "unknown"


def test_the_command_can_be_typed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    main = types.SimpleNamespace(__spec__=None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["/opt/bin/fasttricks", "bench", "--data", "two words"])
    assert machine.command_line() == "fasttricks bench --data 'two words'"
    main.__spec__ = types.SimpleNamespace(name="fasttricks.bench.scripts.__main__")
    monkeypatch.setattr(sys, "argv", ["/src/__main__.py", "--rounds", "7"])
    assert machine.command_line() == "python -m fasttricks.bench.scripts --rounds 7"
