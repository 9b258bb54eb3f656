import pickle
from collections import Counter

import numpy as np
import pytest
from torchvision.transforms import v2

from fasttricks.kernels.policy import AutoAugment, RandAugment, TrivialAugment
from fasttricks.kernels.steps import Op

SIZE = 224
NAMES = {op: op.name.title().replace("_", "") for op in Op} | {Op.FADE: "Contrast"}
BLENDS = {"Brightness", "Color", "Contrast", "Sharpness"}
UNITS_IN_THE_LAST_PLACE = 4 * 2.0**-24  # torch.linspace rounds its step and each of its sums


def named(choice):
    return NAMES[Op(int(choice["op"]))]


def check_level(choice, space, level, bins):
    """A choice has the magnitude that torchvision's augmentation space has."""
    magnitudes, signed = space[named(choice)]
    magnitude = magnitudes(bins, SIZE, SIZE)
    if magnitude is None:
        assert (choice["base"], choice["swing"]) == (0, 0)
        return
    expected, base = float(magnitude[level]), 0.0
    if named(choice) in BLENDS:
        base = 1.0
    if named(choice) == "Solarize":
        expected *= 255
    made = choice["swing"] if signed else choice["base"]
    assert made == pytest.approx(expected, rel=UNITS_IN_THE_LAST_PLACE, abs=1e-4 * expected)
    assert choice["base"] == (base if signed else made)
    assert choice["swing"] == (made if signed else 0)
    assert choice["second"] == 0


def test_the_sub_policies_are_torchvisions():
    theirs = v2.AutoAugment()._policies
    for levels in ("assembled", "torchvision"):
        table = AutoAugment(levels=levels).table(SIZE)
        assert table.shape == (25, 2)
        for row, sub_policy in zip(table, theirs, strict=True):
            expected = [(name, probability) for name, probability, _ in sub_policy]
            assert [(named(c), c["probability"]) for c in row] == expected


def test_levels_of_auto_augment_are_torchvisions():
    table = AutoAugment(levels="torchvision").table(SIZE)
    space = v2.AutoAugment._AUGMENTATION_SPACE
    for row, sub_policy in zip(table, v2.AutoAugment()._policies, strict=True):
        for choice, (_, _, level) in zip(row, sub_policy, strict=True):
            check_level(choice, space, level, 10)


# Of clovaai/assembled-cnn, by operation and level: amount or range of amounts, and `second`.
ASSEMBLED = {
    ("Posterize", 5): (2, 0, 0),
    ("Posterize", 6): (2, 0, 0),
    ("Posterize", 7): (2, 0, 0),
    ("Posterize", 8): (3, 0, 0),
    ("Solarize", 3): (76, 0, 0),
    ("Solarize", 4): (102, 0, 0),
    ("Solarize", 5): (128, 0, 0),
    ("Solarize", 7): (179, 0, 0),
    ("Solarize", 8): (204, 0, 0),
    ("Color", 0): (0.1, 0, 0),
    ("Color", 2): (0.46, 0, 0),
    ("Color", 4): (0.82, 0, 0),
    ("Color", 8): (1.54, 0, 0),
    ("Contrast", 8): (1.54, 0, 196),
    ("Sharpness", 7): (1.36, 0, 0),
    ("Rotate", 3): (0, 9, 128),
    ("Rotate", 8): (0, 24, 128),
    ("Rotate", 9): (0, 27, 128),
    ("ShearX", 5): (0, 0.15, 128),
}


def test_levels_of_auto_augment_are_the_authors():
    seen = set()
    table = AutoAugment().table(SIZE)
    for row, sub_policy in zip(table, v2.AutoAugment()._policies, strict=True):
        for choice, (name, _, level) in zip(row, sub_policy, strict=True):
            expected = ASSEMBLED.get((name, level), (0, 0, 0))
            values = [choice[key] for key in ("base", "swing", "second")]
            assert values == pytest.approx(expected), (name, level)
            seen.add((name, level))
    assert seen >= set(ASSEMBLED)


def test_the_authors_contrast_blends_with_the_number_of_pixels():
    for size, grey in ((224, 196), (96, 36), (300, 255)):
        table = AutoAugment().table(size)
        fades = table[table["op"] == Op.FADE]
        assert set(fades["second"]) == {grey}
        assert not (table["op"] == Op.CONTRAST).any()


@pytest.mark.parametrize(("magnitude", "bins"), [(9, 31), (0, 31), (30, 31), (5, 10), (1, 2)])
def test_rand_augment_is_torchvisions(magnitude, bins):
    policy = RandAugment(magnitude=magnitude, num_bins=bins)
    table, space = policy.table(SIZE), v2.RandAugment._AUGMENTATION_SPACE
    assert [named(row[0]) for row in table] == list(space)
    for first, second in table:
        check_level(first, space, magnitude, bins)
        assert first["probability"] == 1
        assert second["op"] == Op.IDENTITY
    assert RandAugment(num_ops=3).rounds == 3
    assert RandAugment(num_ops=np.int64(3)) == RandAugment(num_ops=3)


@pytest.mark.parametrize("bins", [2, 10, 31])
def test_trivial_augment_is_torchvisions(bins):
    table, space = TrivialAugment(num_bins=bins).table(SIZE), v2.TrivialAugmentWide
    space = space._AUGMENTATION_SPACE
    assert Counter(named(row[0]) for row in table) == dict.fromkeys(space, bins)
    for k, (first, second) in enumerate(table):
        check_level(first, space, k % bins, bins)
        assert second["op"] == Op.IDENTITY


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AutoAugment(levels="timm"), "assembled or torchvision; got 'timm'"),
        (lambda: RandAugment(num_ops=0), "num_ops must be an integer from 1 to 4; got 0"),
        (lambda: RandAugment(num_ops=5), "num_ops"),
        (lambda: RandAugment(num_ops=True), "num_ops"),
        (lambda: RandAugment(num_ops=2.0), "num_ops"),
        (lambda: RandAugment(magnitude=31), "magnitude must be an integer from 0 to 30; got 31"),
        (lambda: RandAugment(magnitude=-1), "magnitude"),
        (lambda: RandAugment(num_bins=1), "num_bins"),
        (lambda: TrivialAugment(num_bins=1), "num_bins must be an integer from 2 to 1024; got 1"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_policies_can_be_sent_and_compared():
    for policy in (AutoAugment(), RandAugment(num_ops=3), TrivialAugment()):
        assert pickle.loads(pickle.dumps(policy)) == policy
        assert np.array_equal(policy.table(96), policy.table(96))
