"""Errors say what to do, in every form that they take on their way to somebody."""

import pytest

from fasttricks.errors import UnknownNameError, did_you_mean

KNOWN = ["roi", "dali", "ffcv"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dalli", "unknown pipeline 'dalli'; did you mean dali? known: roi, dali, ffcv"),
        ("timm", "unknown pipeline 'timm'; known: roi, dali, ffcv"),
        ("", "unknown pipeline ''; known: roi, dali, ffcv"),
    ],
)
def test_an_unknown_name_is_told_the_nearest_first(name, said):
    assert str(UnknownNameError("pipeline", name, KNOWN)) == said


def test_too_many_names_for_a_line_are_listed_elsewhere():
    told = str(UnknownNameError("model", "rui", KNOWN, see="`fasttricks models` lists all"))
    assert told == "unknown model 'rui'; did you mean roi? `fasttricks models` lists all"


def test_only_what_is_near_is_offered():
    assert did_you_mean("ffvc", KNOWN) == "did you mean ffcv? "
    assert did_you_mean("entirely different", KNOWN) == ""
