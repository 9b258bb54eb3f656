import numpy as np

from fasttricks.doctor.terminal import printable


def test_names_become_one_printable_line():
    assert printable("ein Käfer.jpg") == "ein Käfer.jpg"
    for name in ("a\nb", "a\udcff", "a\x1b[31m"):
        assert printable(name).isascii()
        assert "\n" not in printable(name)
    assert np.unique([printable(n) for n in ("a\nb", "a\rb")]).size == 2
