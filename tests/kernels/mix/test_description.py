import numpy as np
import pytest

from fasttricks.kernels.mix import description as mix
from tests.kernels.finish_checks import random_mixes


def good(count=5):
    return random_mixes(count, 3, 20, 30, np.random.default_rng(0))


def test_words_are_the_fields_in_order():
    mixes = mix.plain([7, 9])
    mixes["count"], mixes["key"], mixes["counter"] = 1, [10, 2**32 - 1], [20, 21, 22]
    patch = mixes["patches"][1, 0]
    patch["top"], patch["source"], patch["weight"] = 30, mix.CONSTANT, 0.5
    patch["value"], patch["noise"] = [1, 2, 3], 4
    words = mix.words(mixes)
    assert words.shape == (2, mix.WORDS) == (2, 7 + 4 * 12)
    assert words.dtype == np.int32
    assert words[1, :8].tolist() == [9, 1, 10, -1, 20, 21, 22, 30]
    assert words[1, 11] == mix.CONSTANT
    assert words.view(np.float32)[1, 14:19].tolist() == [0.5, 1, 2, 3, 4]
    assert mix.word(mix.MIX, "patches") + mix.word(mix.PATCH, "noise") == 18
    assert (words[0] != 0).tolist() == [True, True, True, True, True, True, True] + [False] * 48


def test_words_and_back_are_the_same_memory():
    mixes = good()
    words = mix.words(mixes)
    assert np.shares_memory(words, mixes)
    assert np.shares_memory(mix.from_words(words), mixes)
    assert (mix.from_words(words) == mixes).all()
    assert (mix.from_words(mix.words(mixes[::2])) == mixes[::2]).all()


def test_nothing_is_no_problem():
    assert mix.words(mix.plain([])).shape == (0, mix.WORDS)
    assert mix.from_words(np.empty((0, mix.WORDS), np.int32)).shape == (0,)
    mix.check(mix.plain([]), 0, 5, 5)


def test_good_ones_pass():
    mix.check(good(), 3, 20, 30)
    full = mix.plain([0])
    full["count"], full["patches"]["height"], full["patches"]["width"] = 4, 20, 30
    mix.check(full, 1, 20, 30)
    empty_at_the_end = full.copy()
    empty_at_the_end["patches"]["top"], empty_at_the_end["patches"]["height"] = 20, 0
    mix.check(empty_at_the_end, 1, 20, 30)


def test_patches_that_are_not_meant_may_be_anything():
    mixes = good()
    mixes["count"] = 2
    mixes["patches"][:, 2:]["top"] = -5
    mixes["patches"][:, 2:]["weight"] = np.nan
    mix.check(mixes, 3, 20, 30)


def test_constants_have_no_source_and_pictures_no_value():
    mixes = good()
    mixes["count"] = 4
    mixes["patches"]["source"] = mix.CONSTANT
    mixes["patches"]["from_left"] = 99
    mix.check(mixes, 3, 20, 30)
    mixes = good()
    mixes["patches"]["source"], mixes["patches"]["noise"] = 0, np.nan
    mix.check(mixes, 3, 20, 30)


@pytest.mark.parametrize(
    ("field", "number", "message"),
    [
        ("own", 3, "sample 4: own 3 of 3"),
        ("own", -1, "sample 4: own -1 of 3"),
        ("count", 5, "sample 4: count 5 of at most 4"),
        ("count", -1, "sample 4: count -1 of at most 4"),
        ("source", 3, "sample 4, patch 1: source 3 of 3"),
        ("source", -2, "sample 4, patch 1: source -2 of 3"),
        ("top", -1, "patch 1: top -1 and its height leave the output, whose height is 20"),
        ("top", 20, "patch 1: top 20 and its height"),
        ("left", 30, "patch 1: left 30 and its width leave the output, whose width is 30"),
        ("height", -1, "patch 1: height -1 is negative"),
        ("width", 2**31 - 1, "patch 1: left 2 and its width"),
        ("from_top", 18, "from_top 18 and its height leave the source, whose height is 20"),
        ("from_left", -1, "from_left -1 and its width leave the source, whose width is 30"),
        ("weight", 1.5, r"patch 1: weight 1.5 is not in \[0, 1\]"),
        ("weight", -0.1, r"patch 1: weight -0.1"),
        ("weight", np.nan, "patch 1: weight nan"),
    ],
)
def test_what_is_wrong_is_named(field, number, message):
    mixes = good()
    mixes["count"] = 2
    patch = mixes["patches"][4, 1]
    patch["source"] = 0
    for name, value in (("top", 1), ("left", 2), ("height", 4), ("width", 5)):
        patch[name] = value
    patch["from_top"], patch["from_left"] = 3, 4
    mix.check(mixes, 3, 20, 30)
    (mixes[4] if field in mixes.dtype.names else patch)[field] = number
    with pytest.raises(ValueError, match=f"mix: output .*{message}"):
        mix.check(mixes, 3, 20, 30)


@pytest.mark.parametrize(
    ("field", "number", "message"),
    [
        ("noise", -1, "noise -1.0 is not finite and >= 0"),
        ("noise", np.inf, "noise inf"),
        ("value", np.nan, r"value \[nan nan nan\] is not finite"),
    ],
)
def test_wrong_constants_are_named(field, number, message):
    mixes = good()
    mixes["count"] = 4
    mixes["patches"][2, 3]["source"] = mix.CONSTANT
    mixes["patches"][2, 3][field] = number
    with pytest.raises(ValueError, match=f"sample 2, patch 3: {message}"):
        mix.check(mixes, 3, 20, 30)
