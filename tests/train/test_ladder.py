"""How rungs are put on one another, with rungs made for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from fasttricks.train.config import Recipe
from fasttricks.train.ladder import Rung, Skip, climb, lasting, shortened, stretched
from fasttricks.train.recipes import assemble, baseline, efficient
from fasttricks.tricks.step_decay import StepDecay


def same(recipe):
    return recipe


def ema(value):
    return lambda recipe: replace(recipe, ema=value)


def compiled(recipe):
    return replace(recipe, compile=True)


def impossible(recipe):
    raise Skip("no such thing")


def wrong(recipe):
    return replace(recipe, ema=7.0)


RUNGS = (
    Rung(name="start", what="s", change=same, top1=50.0),
    Rung(name="ema", what="e", change=ema(0.9), top1=52.5),
    Rung(name="gone", what="g", change=impossible, top1=53.0),
    Rung(name="wrong", what="w", change=wrong, top1=54.0),
    Rung(name="again", what="a", change=ema(0.9), top1=55.0),
    Rung(name="compiled", what="c", change=compiled, top1=56.0),
    Rung(name="branch", what="b", change=ema(0.5), top1=51.0, on="start", epochs=180),
)


@pytest.fixture
def planned():
    return {step.name: step for step in climb(RUNGS, lasting(Recipe(), 40))}


def test_each_rung_adds_to_the_one_below(planned):
    assert planned["start"].recipe == lasting(Recipe(), 40)
    assert (planned["start"].against, planned["start"].paper_delta) == ("", None)
    assert planned["ema"].recipe.ema == 0.9
    assert (planned["ema"].against, planned["ema"].paper_delta) == ("start", 2.5)
    assert planned["compiled"].recipe.ema == 0.9
    assert planned["compiled"].recipe.compile


def test_rungs_that_cannot_be_climbed_are_stepped_over(planned):
    assert planned["gone"].skipped == "no such thing"
    assert "ema must be in [0, 1); got 7.0" in planned["wrong"].skipped
    assert planned["again"].skipped == "it changes nothing of this recipe"
    assert planned["compiled"].against == "ema"
    assert planned["compiled"].paper_delta == 1.0  # over the rung that the paper had below it


def test_a_branch_stands_on_the_rung_it_names_and_may_be_longer(planned):
    branch = planned["branch"]
    assert (branch.against, branch.paper_delta) == ("start", 1.0)
    assert not branch.recipe.compile
    assert branch.recipe.schedule.epochs == 60
    equal = {s.name: s for s in climb(RUNGS, lasting(Recipe(), 40), equal_epochs=True)}
    assert equal["branch"].recipe.schedule.epochs == 40


def test_a_rung_of_epochs_alone_is_skipped_where_all_are_equal():
    rungs = (RUNGS[0], Rung(name="longer", what="l", change=same, top1=51.0, epochs=600))
    *_, longer = climb(rungs, lasting(Recipe(), 10))
    assert (longer.skipped, longer.recipe.schedule.epochs) == ("", 50)
    *_, longer = climb(rungs, lasting(Recipe(), 10), equal_epochs=True)
    assert longer.skipped == "it changes nothing of this recipe"


@pytest.mark.parametrize(
    ("epochs", "drops"), [(120, (30, 60, 90)), (12, (3, 6, 9)), (2, (0.5, 1, 1.5))]
)
def test_a_shorter_schedule_keeps_its_proportions(epochs, drops):
    schedule = shortened(baseline(), epochs).schedule
    assert schedule.epochs == epochs
    assert StepDecay(epochs, 1, schedule.drops).drop_epochs == drops


def test_the_warm_up_is_shortened_with_it():
    assert shortened(efficient(), 24).schedule.warmup_epochs == 1.0


def test_two_pictures_read_for_one_are_two_passes():
    schedule = shortened(assemble(), 24).schedule
    assert (schedule.epochs, schedule.warmup_epochs) == (48, 2.0)
    assert lasting(assemble(), 24, of=200).schedule.epochs == 80


def test_statistics_are_averages_over_fewer_steps_in_a_shorter_schedule():
    def momentum(epochs):
        return shortened(assemble(), epochs).model.overrides()["bn_momentum"]

    assert momentum(120) == 0.003
    assert momentum(12) == pytest.approx(0.03)
    assert momentum(1) == 0.1


def test_stretching_a_schedule_keeps_its_proportions():
    schedule = replace(baseline().schedule, epochs=10, drops=(3.0, 6.0), warmup_epochs=1.0)
    twice = stretched(schedule, 2)
    assert (twice.epochs, twice.drops, twice.warmup_epochs) == (20, (6.0, 12.0), 2.0)
    assert stretched(baseline().schedule, 2).drops == (0.25, 0.5, 0.75)


def test_planning_needs_no_torch():
    code = (
        "import sys, fasttricks.commands.ablate, fasttricks.train.rungs\n"
        "import fasttricks.train.overrides\n"
        "print([m for m in ('torch', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
