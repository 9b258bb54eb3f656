"""`fasttricks tricks`."""

import subprocess
import sys

from fasttricks.cli import main
from fasttricks.tricks.cards import CARDS


def test_lists_all(capsys):
    assert main(["tricks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CARDS)


def test_prints_one(capsys):
    assert main(["tricks", "label_smoothing"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("label-smoothing\n")
    assert "77.91 -> 78.31 (+0.40)" in text


def test_an_unknown_one_is_one_line_and_exit_2(capsys):
    assert main(["tricks", "magic"]) == 2
    assert capsys.readouterr().err.startswith("fasttricks: error: unknown trick 'magic'; known: ")


def test_imports_nothing_heavy():
    code = (
        "import sys\nfrom fasttricks.cli import main\nmain(['tricks'])\n"
        "print([m for m in ('torch', 'numba', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
