import hashlib

import numpy as np
import pytest

from fasttricks.doctor.duplicates import Digests, across_classes


def digest(content):
    return hashlib.blake2b(content, digest_size=16).digest()


def found(contents):
    digests = Digests(len(contents))
    for i, content in enumerate(contents):
        if content is not None:
            digests.add(i, digest(content))
    return [group.tolist() for group in digests.groups()]


def test_groups_against_the_slow_way():
    rng = np.random.default_rng(5)
    for count in (1, 2, 3, 50, 301):
        contents = [bytes([x]) if x else None for x in rng.integers(0, 1 + count // 2 + 1, count)]
        slow = {}
        for i, content in enumerate(contents):
            if content is not None:
                slow.setdefault(content, []).append(i)
        assert found(contents) == [group for group in slow.values() if len(group) > 1]


def test_both_halves_count():
    digests = Digests(3)
    digests.add(0, bytes(16))
    digests.add(1, bytes(8) + b"x" * 8)
    digests.add(2, b"x" * 8 + bytes(8))
    assert list(digests.groups()) == []


def test_unknown_pictures_are_no_twins():
    assert found([None, None, b"a"]) == []
    assert found([None]) == []


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([3, 3, 3], False),
        ([3, 3, 4], True),
        ([[0, 1], [0, 1], [0, 1]], False),
        ([[0, 1], [0, 1], [0, 2]], True),
    ],
)
def test_across_classes(targets, expected):
    assert across_classes(np.arange(3), np.array(targets)) == expected
