"""Settings of the transform that make no sense are refused where they are written."""

import numpy as np
import pytest

from fasttricks.kernels.augment import Augment

TIMM = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def test_a_normalisation_for_0_to_1_is_refused_and_times_255_is_taken():
    with pytest.raises(ValueError, match=r"0 to 255.*0\.485.*0\.229.*mean and std by 255") as told:
        Augment(**TIMM)
    assert len(str(told.value).splitlines()) == 1
    Augment(**{name: tuple(255 * value for value in values) for name, values in TIMM.items()})


def test_a_mean_for_0_to_1_alone_is_refused():
    with pytest.raises(ValueError, match=r"given mean=\(0\.485, .*\) for 0 to 1: multiply") as told:
        Augment(mean=TIMM["mean"])
    assert "std=" not in str(told.value)
    with pytest.raises(ValueError, match=r"given std=\(0\.229, .*\) for 0 to 1: multiply") as told:
        Augment(std=TIMM["std"])
    assert "mean=" not in str(told.value)


@pytest.mark.parametrize(
    "std", [(1.0, 1.0, 1.0), (255.0, 255.0, 255.0), (0.5, 60.0, 60.0), np.float32([58, 57, 57])]
)
def test_what_may_be_meant_is_taken(std):
    """Centring alone, 0 to 1, one odd channel, an array."""
    assert Augment(mean=(0, 0, 0), std=std).params(size=8, train=True).std == tuple(std)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"area": 0.5}, r"area must be 2 numbers, \(low, high\); got 0.5"),
        ({"hue": (1, 2, 3)}, "hue must be 2 numbers"),
        ({"aspect": "ab"}, "aspect must be 2 numbers"),
        ({"brightness": None}, "brightness must be 2 numbers"),
        ({"std": 58.0}, "std must be 3 numbers, R, G, B; got 58.0"),
        ({"mean": (1.0, 2.0)}, "mean must be 3 numbers"),
        ({"mean": (1.0, 2.0, float("nan"))}, "mean must be finite"),
        ({"std": (0.0, 50.0, 50.0)}, "std must be positive"),
        ({"interpolation": "lanczos"}, "interpolation must be one of bilinear, bicubic; got 'lanc"),
        ({"lighting": "x"}, r"lighting must be a number >= 0; got 'x'"),
        ({"lighting": float("inf")}, "lighting must be a number >= 0; got inf"),
        ({"flip": "a"}, r"flip must be a probability in \[0, 1\]; got 'a'"),
        ({"flip": True}, "flip must be a probability.* got True"),
        ({"flip": 1.5}, "flip must be a probability.* got 1.5"),
        ({"crop_ratio": "x"}, r"crop_ratio must be in \(0, 1\]; got 'x'"),
        ({"crop_ratio": 0}, "crop_ratio must be in"),
        ({"area": ("0.1", "1")}, "area must be 2 numbers"),
        ({"area": (0.5, 0.1)}, "area must be .low, high., low <= high"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ValueError, match="Augment." + message):
        Augment(**wrong)


def test_lists_and_arrays_are_kept_as_tuples_of_floats():
    """So a transform can be compared, hashed and printed whatever it was made from."""
    given = Augment(area=[0.1, 1], hue=np.float32([1, 2]), std=np.array([58, 57, 57]))
    same = Augment(area=(0.1, 1.0), hue=(1.0, 2.0), std=(58.0, 57.0, 57.0))
    assert given == same
    assert hash(given) == hash(same)
    assert repr(given) == repr(same)
