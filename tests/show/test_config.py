import re
from pathlib import Path

import pytest

from fasttricks.show.config import MOST_ROWS, ShowConfig


def test_lists_are_read_in_order_and_each_once():
    config = ShowConfig(pipeline="roi, dali,roi", index=" 9,3,,9 ", mix="cutmix,erasing")
    config.check()
    assert config.pipeline_names == ["roi", "dali"]
    assert config.indices == [9, 3]
    assert config.mix_names == ["cutmix", "erasing"]


def test_the_defaults_are_right():
    ShowConfig().check()
    assert ShowConfig().indices == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"index": "3,x"}, "got 'x'"),
        ({"index": "-1"}, "got '-1'"),
        ({"index": "²"}, "got '²'"),
        ({"index": ",".join(map(str, range(MOST_ROWS + 1)))}, f"at most {MOST_ROWS} samples"),
        ({"size": 15}, "--size must lie in [16, 512]"),
        ({"size": 513}, "--size must lie in [16, 512]"),
        ({"seed": 2**64}, "--seed"),
        ({"seed": -1}, "--seed"),
        ({"epoch": 2**32}, "--epoch"),
        ({"mix": "mixdown"}, "unknown 'mixdown'; known: mixup, cutmix"),
        ({"alpha": 1.0}, "--alpha goes with --mix"),
        ({"alpha": 1.0, "mix": "cutout"}, "--alpha goes with --mix"),
        ({"pipeline": " , "}, "give --pipeline"),
        ({"out": Path("x.jpg")}, "must end in .png"),
    ],
)
def test_what_is_wrong_is_named(settings, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        ShowConfig(**settings).check()
