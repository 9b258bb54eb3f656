from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from fasttricks.bench.scripts.script import find_scripts
from tests.bench.scripts.stand_in import clone_timm, clone_torchvision


def test_both_are_found_in_clones_of_their_repositories(tmp_path: Path) -> None:
    torchvision = clone_torchvision(tmp_path / "vision")
    timm = clone_timm(tmp_path / "timm")
    assert find_scripts({"timm": tmp_path / "timm", "torchvision": tmp_path / "vision"}) == [
        timm,
        torchvision,
    ]
    inside = tmp_path / "vision" / "references" / "classification"
    assert find_scripts({"torchvision": inside, "timm": None}) == [torchvision]


def test_a_folder_without_the_script_says_what_was_expected(tmp_path: Path) -> None:
    clone_timm(tmp_path / "timm")
    expected = "expected references/classification/train.py with presets.py beside it"
    for folder in (tmp_path, tmp_path / "timm"):  # the other's train.py is not taken
        with pytest.raises(ValueError, match=expected) as caught:
            find_scripts({"torchvision": folder})
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"expected train\.py with timm/version\.py"):
        find_scripts({"timm": tmp_path})


def test_what_results_name_it_by(tmp_path: Path) -> None:
    script = clone_timm(tmp_path / "timm")
    found = script.identity()
    assert found["version"] == "0.0.stand-in"
    assert found["sha256"] == hashlib.sha256(script.file.read_bytes()).hexdigest()
    assert found["commit"] == ""  # git knows nothing of it
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "all")):
        subprocess.run(["git", "-C", script.file.parent, *words], check=True)
    head = script.identity()["commit"]
    assert len(head) == 40
    script.file.write_text("changed")
    assert script.identity()["commit"] == f"{head}+dirty"


def test_flags_are_looked_for_as_they_are_written(tmp_path: Path) -> None:
    text = "parser.add_argument(\"--channel-last\")\nparser.add_argument('--amp-dtype')"
    script = clone_torchvision(tmp_path, text)
    assert script.has("--channel-last")
    assert script.has("--amp-dtype")
    assert not script.has("--amp")
