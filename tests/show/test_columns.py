from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttricks.show.collect import Part
from fasttricks.show.columns import Made, columns, farthest, shares
from fasttricks.show.draw import AMPLIFY, output
from tests.show.makers import SIZE, an_original, made, outputs

ORIGINALS = [an_original(3), an_original(8, 90, 50, (0, 5, 40, 41), flip=True)]


def found(*made):
    return {(c.group, c.title): c for c in columns(ORIGINALS, made, SIZE)}


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=4))
def test_shares_sum_to_a_hundred_and_are_near(weights):
    exact = np.array(weights) / sum(weights)
    percent = shares(exact.astype(np.float32).tolist())
    assert sum(percent) == 100
    assert np.abs(np.array(percent) - 100 * exact).max() < 1.001


def test_shares_of_which_rounding_alone_would_lose_one():
    assert shares([1 / 3, 1 / 3, 1 / 3]) == [34, 33, 33]
    assert shares([0.125, 0.375, 0.375, 0.125]) == [13, 38, 37, 12]
    assert shares([1.0]) == [100]


def test_which_columns_there_are():
    assert list(found(made("roi", 1), made("dali", 2))) == [
        ("original", "and the plan's crop"),
        ("roi", "augmented"),
        ("dali", "augmented"),
        ("dali", f"difference to roi, x {AMPLIFY}"),
    ]
    mixed = outputs(5, weights=(0.7, 0.3))
    assert list(found(made("roi", 1, mixed)))[1:] == [("roi", "augmented"), ("roi", "mixed")]
    assert ("roi", "erased") in found(made("roi", 1, outputs(5)))


def test_originals_are_told_of():
    first, second = found(made("roi", 1))[("original", "and the plan's crop")].cells
    assert first.lines == (
        "3.JPEG",
        "sample 3 · cats",
        "80 x 60 pixels, not mirrored",
        "crop 40 x 30 at x 20, y 10",
    )
    assert second.lines[2] == "50 x 90 pixels, mirrored"


def test_outputs_are_shown_as_they_are():
    one = made("roi", 1, outputs(5, weights=(0.7, 0.3)))
    shown = found(one)
    for title, levels in (("augmented", one.plain.levels), ("mixed", one.mixed.levels)):
        for cell, level in zip(shown["roi", title].cells, levels, strict=True):
            assert np.asarray(cell.image)[::6, ::6].tobytes() == output(level).tobytes()


def test_parts_are_written_beneath_and_sum_to_one():
    shown = found(made("roi", 1, outputs(5, weights=(0.335, 0.335, 0.33))))["roi", "mixed"]
    assert shown.cells[0].lines == (
        "34 % class 0 (sample 0)",
        "33 % class 1 (sample 1)",
        "33 % class 2 (sample 2)",
    )
    erased = found(made("roi", 1, outputs(5)))["roi", "erased"]
    assert erased.cells[0].lines == ("target as before: class 0",)


def test_what_chance_left_unmixed_is_said_to_be():
    mixed = outputs(5, weights=(0.7, 0.3))
    alone = (Part(8, "class 0", 1.0), Part(8, "class 0", 0.0))
    shown = found(made("roi", 1, replace(mixed, parts=[mixed.parts[0], alone])))["roi", "mixed"]
    assert shown.cells[0].lines[0] == "70 % class 0 (sample 0)"
    assert shown.cells[1].lines == ("target as before: class 0",)


def test_identical_pipelines_have_a_black_difference_and_others_have_not():
    title = f"difference to roi, x {AMPLIFY}"
    same = found(made("roi", 1), made("dali", 1))["dali", title].cells
    assert not any(np.asarray(cell.image).any() for cell in same)
    assert same[0].lines == ("identical",)
    other = found(made("roi", 1), made("dali", 2))["dali", title].cells
    assert all(np.asarray(cell.image).any() for cell in other)


def test_the_difference_is_that_of_what_the_network_gets():
    plain = outputs(1)
    one = Made(pipeline="roi", plain=plain, mixed=outputs(5))
    two = Made(pipeline="dali", plain=plain, mixed=outputs(6))
    apart = farthest(two, one)
    pairs = zip(two.mixed.levels, one.mixed.levels, strict=True)
    want = [np.abs(a - b) for a, b in pairs]
    assert apart.most == np.max(want)
    assert apart.mean == pytest.approx(np.mean(want), rel=1e-5)
    assert farthest(one, one).most == 0
