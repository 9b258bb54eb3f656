import ctypes
import sys

import pytest

from fasttricks import installed


def test_packages_are_found_without_importing_them():
    assert installed.is_installed("json")
    assert not installed.is_installed("no_such_package.at_all")
    assert not installed.is_installed("json.no_such_module")
    assert "turtledemo" not in sys.modules
    assert installed.is_installed("turtledemo")
    assert "turtledemo" not in sys.modules


@pytest.mark.parametrize(
    ("there", "elsewhere", "found"),
    [
        (["libturbojpeg.so.0"], "libturbojpeg.so.9", "libturbojpeg.so.0"),
        (["libturbojpeg.so.9"], "libturbojpeg.so.9", "libturbojpeg.so.9"),
        ([], "libturbojpeg.so.9", None),  # found by name, and yet not to be loaded
        ([], None, None),
    ],
)
def test_one_rule_finds_libturbojpeg(monkeypatch, there, elsewhere, found):
    def load(name):
        if name not in there:
            raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: elsewhere)
    assert installed.find_turbojpeg() == found
