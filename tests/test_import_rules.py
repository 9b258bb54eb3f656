"""Imports run one way: docs/design.md says which, section 3."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ABOVE = ("bench", "cli", "commands", "__main__")
"""These may import everything."""
ALLOWED = {
    "__init__": {"data", "kernels", "models", "pipelines", "train"},  # the short names
    "kernels": set(),
    "models": set(),
    "data": {"kernels"},
    "pipelines": {"data", "kernels"},
    "tricks": {"data", "kernels", "models"},
    "train": {"commands", "data", "kernels", "models", "pipelines", "tricks"},
    "pack": {"data", "kernels", "pipelines"},
    "show": {"data", "kernels", "pipelines"},
    "integrations": {"data", "kernels", "pipelines"},
    "doctor": {"bench", "data", "kernels", "pipelines"},
    "report": {"bench"},
    "warm": {"pipelines"},
}
"""What each folder imports of the others; files that are not listed import none of them."""
PARTS = (set(ALLOWED) | set(ABOVE)) - {"__init__"}


def modules(source):
    """Names in `fasttricks.` that source code imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "fasttricks":
            names = [f"fasttricks.{name.name}" for name in node.names]
        else:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name.split(".")[1] for name in names if name.startswith("fasttricks."))


def forbidden(part, source):
    """What a file of `part` imports and must not."""
    found = set(modules(source)) - {part}
    if part == "kernels":
        return found - {"cache"}
    return (found & PARTS) - ALLOWED.get(part, set())


def files(part):
    folder = (ROOT / "fasttricks" / part).resolve()  # links lead to kernels and pipelines
    return [folder.with_suffix(".py")] if not folder.is_dir() else list(folder.rglob("*.py"))


OURS = {
    path.stem
    for path in (ROOT / "fasttricks").iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
}


@pytest.mark.parametrize("part", sorted(OURS - set(ABOVE)))
def test_imports_run_one_way(part):
    assert files(part)
    wrong = {str(path): forbidden(part, path.read_text()) for path in files(part)}
    assert not {path: names for path, names in wrong.items() if names}


def test_what_is_forbidden_is_found():
    assert forbidden("kernels", "def f():\n    from fasttricks.errors import DataError") == {
        "errors"
    }
    assert forbidden("data", "from fasttricks import kernels, pipelines") == {"pipelines"}
    assert forbidden("files", "import fasttricks.train.config") == {"train"}
    assert forbidden("models", "from fasttricks.errors import DataError") == set()
