"""The command line as a user meets it: in a process of its own."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fasttricks import cli
from fasttricks.cli import main
from fasttricks.data.samples import Samples
from fasttricks.pipelines.options import Options
from fasttricks.version import __version__
from fasttricks.welcome import commands


def fasttricks(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "fasttricks", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_version_and_help():
    assert fasttricks("--version").stdout.splitlines()[0] == f"fasttricks {__version__}"
    assert "bench" in fasttricks("--help").stdout
    text = fasttricks("bench", "--help").stdout
    for flag in (
        "--pipeline",
        "--data",
        "--batch-size",
        "--threads",
        "--eval",
        "--cold",
        "--peers",
    ):
        assert flag in text


HEAVY = ("torch", "numba", "numpy", "PIL", "ffcv", "nvidia.dali", "rich")


@pytest.mark.parametrize(
    "lines",
    [
        ["import fasttricks"],
        ["main(['--help'])"],
        ["main([])"],
        ["main(['--version'])"],
        ["main(['bench', '--batch-sice', '3'])"],
        [f"main([{command!r}, '--help'])" for command in commands()],
        ["main(['train', 'tricks', '--help'])"],
    ],
    ids=lambda lines: lines[-1],
)
def test_nothing_heavy_is_imported(lines):
    code = [
        "import sys",
        "from fasttricks.cli import main" if "main" in lines[0] else "",
        *lines,
        f"print([m for m in {HEAVY} if m in sys.modules])",
    ]
    command = [sys.executable, "-c", "\n".join(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench", "--pipeline", "dalli"], "unknown pipeline 'dalli'"),
        (["bench", "--peers", "nobody"], "nobody"),
        (["bench", "--data", "/no/such/place"], "/no/such/place does not exist"),
        (["bench", "--threads", "0"], "--threads"),
        (["bench", "--train", "--recipe", "none"], "unknown recipe 'none'"),
        (["ablate", "--ladder", "bag-of-tricks", "--out", "/tmp/x"], "--data"),
        (["bench", "--compare", "/no/such/file"], "/no/such/file"),
        (["pack", "/no/such/place", "/tmp/x.beton"], "/no/such/place"),
        (["nonsense"], "nonsense"),
    ],
)
def test_mistakes_are_one_clear_line_and_exit_2(arguments, words):
    done = fasttricks(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_mistake_may_be_traced(capsys, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_TRACEBACK", "1")
    assert main(["bench", "--pipeline", "dalli"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert "check_names" in told
    assert told.splitlines()[-1].startswith("fasttricks: error: unknown pipeline 'dalli'")


def raises(error):
    """A command that fails as told."""
    return lambda *_: SimpleNamespace(run=lambda: error())


def test_errors_of_other_code_keep_their_traceback(capsys, monkeypatch):
    monkeypatch.setattr(cli, "parse", raises(lambda: np.zeros(3) + np.zeros(4)))
    with pytest.raises(ValueError, match="could not be broadcast"):
        main(["doctor"])
    # NumPy's error again, but with a frame of ours as the innermost.
    monkeypatch.setattr(cli, "parse", raises(lambda: Samples([b"x"]).repeat(np.ones(2))))
    with pytest.raises(ValueError, match="truth value of an array"):
        main(["doctor"])
    monkeypatch.setattr(cli, "parse", raises(lambda: Options(batch_size=0)))
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err.startswith("fasttricks: error: batch_size must be")


def test_an_empty_class_folder_is_named(tmp_path):
    (tmp_path / "cats").mkdir()
    done = fasttricks("bench", "--pipeline", "torchvision", "--data", tmp_path)
    assert done.returncode == 2
    assert "cats holds no pictures" in done.stderr
