"""Recipes say no to what they do not mean, and are plain values."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from fasttricks.errors import UnknownNameError
from fasttricks.train.config import (
    DataConfig,
    LossConfig,
    MixConfig,
    ModelConfig,
    OptimConfig,
    Recipe,
    ScheduleConfig,
)
from fasttricks.train.recipes import RECIPES


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Recipe(accumulate=0), "accumulate must be at least 1; got 0"),
        (lambda: Recipe(ema=1.0), r"ema must be in \[0, 1\); got 1.0"),
        (lambda: Recipe(ema=float("nan")), "ema must be"),
        (lambda: Recipe(cuda_graph=True, accumulate=2), "cuda_graph must be False where"),
        (lambda: Recipe(max_steps=0), "max_steps must be"),
        (lambda: DataConfig(batch_size=10, views=3), "data.batch_size must be a multiple of views"),
        (lambda: DataConfig(progressive=(224, 192)), "rise"),
        (lambda: DataConfig(progressive=(100, 192)), "multiples of 32"),
        (lambda: DataConfig(pipeline="dalli"), "unknown pipeline 'dalli'"),
        (lambda: OptimConfig(lr=float("inf")), "optim.lr must be above 0; got inf"),
        (lambda: OptimConfig(kind="sgd", fold_lr=True), "fold_lr must be for nesterov only"),
        (lambda: ScheduleConfig(epochs=5, warmup_epochs=5.0), r"in \[0, epochs\), epochs = 5"),
        (lambda: ScheduleConfig(kind="step", drops=(60, 30)), "schedule.drops must rise"),
        (
            lambda: ScheduleConfig(kind="step", epochs=10, drops=(30, 60)),
            "inside the 10 epochs; got .*; such as --schedule.drops 2.5 5 7.5$",
        ),
        (
            lambda: ScheduleConfig(kind="step", epochs=10, warmup_epochs=5.0),
            "first drop, at 2.5 of 10: give --schedule.warmup-epochs 0.42, or later",
        ),
        (lambda: MixConfig(alpha=0.0), "mix.alpha must be above 0"),
        (lambda: LossConfig(smoothing=1.0), "loss.smoothing must be"),
        (lambda: ModelConfig(name="resnet51"), "unknown model 'resnet51'"),
        (lambda: ModelConfig(options={"stemm": "small"}), "no field 'stemm'"),
        (lambda: ModelConfig(dropblock=0.0), "keep"),
    ],
)
def test_mistakes_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("epochs", [1, 10, 120])
def test_the_values_that_a_mistake_names_fit(epochs):
    with pytest.raises(ValueError, match="such as") as told:
        ScheduleConfig(kind="step", epochs=epochs, drops=(500,))
    drops = tuple(map(float, str(told.value).partition("--schedule.drops ")[2].split()))
    ScheduleConfig(kind="step", epochs=epochs, drops=drops)
    with pytest.raises(ValueError, match="give") as told:
        ScheduleConfig(kind="step", epochs=epochs, warmup_epochs=0.9 * epochs)
    warmup = float(str(told.value).partition("--schedule.warmup-epochs ")[2].split(",")[0])
    ScheduleConfig(kind="step", epochs=epochs, warmup_epochs=warmup)


@pytest.mark.parametrize("name", ["baseline", "tricks", "fast40"])
def test_the_length_of_a_recipe_can_be_changed_alone(name):
    recipe = RECIPES[name].make()
    assert replace(recipe.schedule, epochs=10).epochs == 10


def test_an_unknown_pipeline_is_an_unknown_name():
    with pytest.raises(UnknownNameError):
        DataConfig(pipeline="none")


def test_recipes_are_frozen_plain_values():
    options = {"attention": "se"}
    recipe = Recipe(model=ModelConfig(name="resnet50d", dropblock=0.8, blur=5, options=options))
    with pytest.raises(FrozenInstanceError):
        recipe.seed = 1
    values = json.loads(json.dumps(recipe.as_dict()))
    assert values["model"]["overrides"] == {
        "attention": "se",
        "dropblock": {"keep": 0.8},
        "antialias": {"filter_size": 5},
    }
    assert ModelConfig(dropblock=1.0).overrides() == {"dropblock": None}


def test_the_folder_is_named_after_the_recipe():
    assert Recipe(name="fast16").folder == "runs/fast16"
    assert replace(Recipe(), out="/x").folder == "/x"


def test_nothing_heavy_is_imported():
    code = (
        "import sys, fasttricks.train.recipes\n"
        "print([m for m in ('torch', 'numba', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
