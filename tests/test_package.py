"""What `import fasttricks` gives: every short name, and nothing heavy before it is used."""

import subprocess
import sys

import pytest

import fasttricks
import fasttricks.models
import fasttricks.train


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_parts_need_no_import_of_their_own():
    code = "import fasttricks\nprint(fasttricks.{}.__name__)"
    for part in ("models", "pipelines", "train"):
        assert run(code.format(part)) == f"fasttricks.{part}"


def test_recipes_are_at_hand_without_torch():
    code = "import sys, fasttricks\nfasttricks.train.Recipe()\nprint('torch' in sys.modules)"
    assert run(code) == "False"


@pytest.mark.parametrize("package", [fasttricks, fasttricks.models, fasttricks.train])
def test_every_name_is_there_and_no_other(package):
    assert all(hasattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018
