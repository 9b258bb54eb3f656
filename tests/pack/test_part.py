"""The order in the shards is part of a pack's bytes: no version may change it."""

import pytest

from fasttricks.data.samples import Samples
from fasttricks.pack.part import physical_order
from fasttricks.pack.settings import PackSettings
from fasttricks.pack.source import Part


@pytest.mark.parametrize(
    ("train", "shuffle", "expected"),
    [
        (True, True, [3, 9, 6, 4, 5, 8, 2, 7, 1, 0]),
        (True, False, list(range(10))),
        (False, True, list(range(10))),
    ],
)
def test_order(train, shuffle, expected):
    part = Part(split="", train=train, samples=Samples([b""] * 10), origin="", name=None)
    assert physical_order(part, PackSettings(shuffle=shuffle)).tolist() == expected
