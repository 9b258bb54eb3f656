import numpy as np
import pytest

from fasttricks.kernels import plan, plan_reference
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan_ops import plan_ops_batch
from fasttricks.kernels.policy import AutoAugment, RandAugment, TrivialAugment
from fasttricks.kernels.steps import STEPS, Op

AUGMENTS = [
    Augment(policy=AutoAugment()),
    Augment(policy=AutoAugment(levels="torchvision"), color="hsv-literal"),
    Augment(policy=RandAugment(num_ops=4), color="reference"),
    Augment(policy=TrivialAugment(), color="none"),
    Augment(color="reference", contrast=(0.2, 0.3), brightness=(1.1, 1.1)),
]
SIGMAS = 5


def ops(augment, count, seed=3, epoch=5, view=1):
    params = augment.ops(size=224, train=True)
    return plan_ops_batch(seed, epoch, np.arange(count), np.full(count, view), params)


@pytest.mark.parametrize("augment", AUGMENTS)
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_ops_are_those_of_the_reference(augment, seed):
    params = augment.ops(size=224, train=True)
    rng = np.random.default_rng()
    indices, views = rng.integers(0, 2**31, 200), rng.integers(0, 4, 200)
    made = plan_ops_batch(seed, 5, indices, views, params)
    for row, index, view in zip(made, indices, views, strict=True):
        expected = plan_reference.ops(seed, 5, int(index), int(view), params)
        expected += [(Op.IDENTITY, 0.0, 0.0, 0.0)] * (STEPS - len(expected))
        # Half an ulp of float32, and two roundings of float64.
        np.testing.assert_allclose(np.array(row.tolist()), np.array(expected), rtol=2.0**-23)


def near(count, share, total):
    """Whether a count out of `total` is what a probability of `share` gives."""
    return abs(count - share * total) <= SIGMAS * np.sqrt(total * share * (1 - share)) + 1e-9


def test_sub_policies_are_equally_likely_and_probabilities_hold():
    total = 40000
    augment = Augment(policy=AutoAugment(levels="torchvision"))
    params = augment.ops(size=224, train=True)
    # Each choice gets an amount of its own, so that drawn steps tell which row they come from.
    table = params.table.copy()
    table["base"] = np.arange(50).reshape(25, 2)
    table["swing"] = 0.25
    table["op"] = Op.ROTATE
    made = plan_ops_batch(0, 0, np.arange(total), np.zeros(total), params._replace(table=table))
    steps = made[made["op"] != Op.IDENTITY]
    number = np.round(steps["amount"]).astype(int)
    for k, probability in enumerate(table["probability"].ravel()):
        assert near((number == k).sum(), probability / 25, total), k
    assert near((steps["amount"] > number).sum(), 0.5, len(steps))
    # In a row that always takes its second choice, the first is taken independently.
    for k in np.flatnonzero(table["probability"][:, 1] == 1):
        rows = made[(np.round(made["amount"]) == 2 * k + 1).any(1) & (made["op"][:, 0] != 0)]
        both = rows["op"][:, 1] != Op.IDENTITY
        assert near(both.sum(), table["probability"][k, 0], len(rows))


def test_the_signs_of_a_row_are_independent():
    table = Augment(policy=AutoAugment()).ops(size=224, train=True)
    params = table._replace(table=table.table[:1].copy())
    params.table["probability"], params.table["swing"] = 1.0, 1.0
    made = plan_ops_batch(0, 0, np.arange(8000), np.zeros(8000), params)
    signs = made["amount"][:, :2] > params.table["base"][0]
    for first in (False, True):
        for second in (False, True):
            assert near((signs == (first, second)).all(1).sum(), 0.25, 8000)


def test_operations_of_rand_augment_are_equally_likely_and_independent():
    total = 40000
    params = Augment(policy=RandAugment(num_ops=2)).ops(size=224, train=True)
    table = params.table.copy()
    table["op"][:, 0], table["probability"][:, 0] = Op.ROTATE, 1.0
    table["base"][:, 0], table["swing"] = np.arange(14), 0.0
    made = plan_ops_batch(0, 0, np.arange(total), np.zeros(total), params._replace(table=table))
    first, second = made["amount"][:, 0].astype(int), made["amount"][:, 1].astype(int)
    pairs = np.bincount(first * 14 + second, minlength=196)
    assert all(near(count, 1 / 196, total) for count in pairs)


def test_trivial_augment_draws_one_operation_at_any_strength():
    made = ops(Augment(policy=TrivialAugment()), 30000)
    assert (made["op"][:, 1:] == Op.IDENTITY).all()
    rotations = made[:, 0][made["op"][:, 0] == Op.ROTATE]["amount"]
    assert near(len(rotations), 1 / 14, 30000)
    bins, counts = np.unique(np.round(abs(rotations) / 4.5), return_counts=True)
    assert bins.tolist() == list(range(31))
    assert all(near(count, 1 / 31, len(rotations)) for count in counts)


def test_jitter_comes_in_all_orders_with_coefficients_of_its_ranges():
    total = 12000
    augment = Augment(color="reference", contrast=(0.2, 0.3))
    made = ops(augment, total)
    orders, counts = np.unique(made["op"][:, :3], axis=0, return_counts=True)
    assert len(orders) == 6
    assert all(near(count, 1 / 6, total) for count in counts)
    assert (made["op"][:, 3:] == Op.IDENTITY).all()
    ranges = {Op.JITTER_BRIGHTNESS: (0.6, 1.4), Op.JITTER_CONTRAST: (0.2, 0.3)}
    for op, (low, high) in (ranges | {Op.JITTER_SATURATION: (0.6, 1.4)}).items():
        amounts = made[made["op"] == op]["amount"]
        assert len(amounts) == total
        assert low <= amounts.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < amounts.max() <= high
        spread = (high - low) / np.sqrt(12 * total)
        assert abs(amounts.mean() - (low + high) / 2) < SIGMAS * spread


def test_coefficients_are_those_of_the_linear_colour():
    augment = Augment(color="hsv-literal")
    linear = Augment().params(size=224, train=True)
    for index in range(20):
        step = ops(augment, index + 1)[index, 0]
        words = plan_reference.philox((index, 1, 5, plan.FLIP_AND_JITTER), 3)
        ranges = linear.hue, linear.saturation, linear.brightness
        expected = [
            low + w / 2**32 * (high - low) for w, (low, high) in zip(words[1:], ranges, strict=True)
        ]
        np.testing.assert_allclose(step.tolist()[1:], expected, rtol=1e-6)


def test_colour_comes_after_the_policy():
    made = ops(AUGMENTS[2], 100)
    jitter = made["op"] >= Op.JITTER_BRIGHTNESS
    assert jitter.sum(1).tolist() == [3] * 100
    policy = (made["op"] != Op.IDENTITY) & ~jitter
    assert not (policy[:, 1:] & jitter[:, :-1]).any()
    assert policy[:, 3].any()  # four operations were taken, and three steps followed


def test_an_operation_depends_on_each_of_its_arguments():
    def draw(seed=1, epoch=2, index=3, view=0):
        params = AUGMENTS[2].ops(size=224, train=True)
        return plan_ops_batch(seed, epoch, np.array([index]), np.array([view]), params).tobytes()

    assert draw() == draw()
    different = {draw(), draw(seed=2), draw(seed=1 + 2**32), draw(epoch=3), draw(index=4)}
    assert len(different | {draw(view=1)}) == 6


def test_geometry_and_colour_matrix_do_not_depend_on_the_ops():
    arrays = [np.arange(50), np.zeros(50), np.full(50, 375), np.full(50, 500)]
    plans = [
        plan.plan_batch(7, 1, *arrays, augment.params(size=224, train=True))
        for augment in (Augment(), AUGMENTS[0], AUGMENTS[2])
    ]
    assert len({samples.tobytes() for samples, _ in plans}) == 1
    assert np.array_equal(plans[0][1], plans[1][1])
    assert not np.array_equal(plans[0][1], plans[2][1])


@pytest.mark.parametrize("color", ["hsv-literal", "reference"])
def test_where_ops_jitter_the_matrix_only_lights_and_normalises(color):
    params = Augment(color=color).params(size=224, train=True)
    arrays = [np.arange(20), np.zeros(20), np.full(20, 375), np.full(20, 500)]
    _, matrices = plan.plan_batch(7, 1, *arrays, params)
    std, mean = np.array(params.std), np.array(params.mean)
    np.testing.assert_allclose(matrices[:, :, :3], [np.diag(1 / std)] * 20, atol=1e-8)
    offsets = matrices[:, :, 3] * std + mean
    assert offsets.std() > 1  # lighting
    _, linear = plan.plan_batch(7, 1, *arrays, Augment().params(size=224, train=True))
    np.testing.assert_allclose(linear[:, :, 3] * std + mean, offsets, atol=1e-4)


def test_without_anything_to_do_there_are_no_ops():
    full = Augment(policy=AutoAugment(), color="reference")
    assert full.ops(size=224, train=False) is None
    assert full.ops(size=224, train=True, work="normalise") is None
    assert full.ops(size=224, train=True, work="decode") is None
    assert Augment().ops(size=224, train=True) is None
    assert Augment(color="none").ops(size=224, train=True) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"contrast": (1.4, 0.6)}, "contrast must be"),
        ({"color": "reference", "contrast": (-0.1, 1.0)}, "contrast must not be negative"),
        ({"color": "hsv-literal", "hue": (-0.1, 1.0)}, "hue must not be negative"),
        ({"color": "sepia"}, "hsv, hsv-literal, reference, none; got 'sepia'"),
        ({"policy": "randaugment"}, r"AutoAugment\(\.\.\.\).*got 'randaugment'"),
        ({"policy": AutoAugment}, "policy must be"),
    ],
)
def test_mistakes_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Augment(**fields)
