"""Versions are told without importing what they are of."""

import importlib.metadata
import sys

import PIL
import pytest
import torch

from fasttricks import versions
from fasttricks.version import __version__


def test_they_are_those_of_the_packages_themselves():
    found = versions.versions()
    assert found["torch"] == torch.__version__.partition("+")[0] or found["torch"] in (
        torch.__version__
    )
    assert found["fasttricks"] == __version__
    assert found["PIL"].split()[1] == PIL.__version__


@pytest.mark.parametrize(
    ("number", "told"),
    [("12.1.1.post0", "pillow-simd 12.1.1.post0"), ("12.2.0", "Pillow 12.2.0")],
)
def test_the_flavour_is_that_of_the_file_in_use(number, told, tmp_path, monkeypatch):
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "PIL" / "_version.py").write_text(f'# its own\n__version__ = "{number}"\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "PIL")
    assert versions.pil_flavour() == told


def test_what_is_not_installed_is_told(monkeypatch):
    def version(package):
        if package in ("torch", "numpy"):
            return "1.2"
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    first, *lines = versions.describe().splitlines()
    assert first == f"fasttricks {__version__}"
    assert "  torch 1.2" in lines
    assert lines[-1] == "  not installed: DALI, FFCV, timm"
