"""Errors say what to do, in every form that they take on their way to somebody."""

import copy
import pickle

import pytest

from fasttricks.bench.contender import RowFailedError
from fasttricks.errors import (
    BadSampleError,
    BatchSizeError,
    DataError,
    FasttricksError,
    MissingExtraError,
    UnknownNameError,
    did_you_mean,
)
from fasttricks.train.checkpoint_file import CheckpointError, DamagedError
from fasttricks.train.diverged import DivergedError
from fasttricks.train.resume import ResumeError

KNOWN = ["roi", "dali", "ffcv"]
ERRORS = [
    FasttricksError("something"),
    DataError("no pictures"),
    UnknownNameError("pipeline", "dalli", KNOWN),
    BatchSizeError("batch of 3", "give 4", ("batch_size", "mix_group")),
    MissingExtraError("ffcv", "ffcv", "no module"),
    BadSampleError(7, "a/b.jpg", "cut short"),
    CheckpointError("step-3.pt is of another version"),
    DamagedError("step-3.pt is damaged"),
    DivergedError("the loss is nan"),
    ResumeError("another run"),
    RowFailedError("dali x2", "it was killed", ["its last", "words"]),
]


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


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("how", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])
def test_an_error_goes_from_process_to_process_as_it_is(error, how):
    again = how(error)
    assert type(again) is type(error)
    assert (str(again), again.args, again.__dict__) == (str(error), error.args, error.__dict__)
    assert getattr(again, "msg", "") == getattr(error, "msg", "")  # ImportError's


def test_that_is_all_errors():
    def below(kind):
        return {kind}.union(*map(below, kind.__subclasses__()))

    ours = {kind for kind in below(FasttricksError) if kind.__module__.startswith("fasttricks")}
    ours = {kind for kind in ours if not kind.__module__.startswith("fasttricks.bench.kernels")}
    assert ours == {type(error) for error in ERRORS}  # kernels are measured in one process
