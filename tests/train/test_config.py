"""Recipes say no to what they do not mean, and are plain values."""

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

from fasttricks.errors import UnknownNameError
from fasttricks.models.config import SE, AntiAlias, BigLittle, DropBlock
from fasttricks.models.names import model_config
from fasttricks.train.config import (
    DataConfig,
    LossConfig,
    MixConfig,
    ModelConfig,
    OptimConfig,
    Recipe,
    ScheduleConfig,
)
from fasttricks.train.recipes import RECIPES, tricks


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Recipe(accumulate=0), "accumulate must be at least 1; got 0"),
        (lambda: Recipe(ema=1.0), r"ema must be in \[0, 1\); got 1.0"),
        (lambda: Recipe(ema=float("nan")), "ema must be"),
        (lambda: Recipe(cuda_graph=True, accumulate=2), "cuda_graph must be False where"),
        (lambda: Recipe(max_steps=0), "max_steps must be"),
        (lambda: DataConfig(batch_size=10, views=3), "data.batch_size must be a multiple of views"),
        (lambda: DataConfig(progressive=(224, 192)), r"data\.progressive: sizes must rise"),
        (
            lambda: DataConfig(progressive=(96, 128), progressive_starts=(0.1, 0.5)),
            r"data\.progressive_starts: starts",
        ),
        (lambda: DataConfig(progressive=(100, 192)), "multiples of 32"),
        (lambda: DataConfig(pipeline="dalli"), "unknown pipeline 'dalli'"),
        (lambda: OptimConfig(lr=float("inf")), "optim.lr must be above 0 and .*; got inf"),
        (lambda: OptimConfig(lr=float("nan")), "optim.lr must be above 0 and .*; got nan"),
        (lambda: OptimConfig(lr=1e38), r"optim.lr must be .* at most 1000; got 1e\+38"),
        (lambda: OptimConfig(lr_per_256=1001.0), "optim.lr_per_256 must be .* at most 1000"),
        (lambda: OptimConfig(final_lr=0.0), "optim.final_lr must be above 0 and at most 1000"),
        (lambda: OptimConfig(weight_decay=1e37), r"optim.weight_decay must be in \[0, 1\]; got"),
        (lambda: ScheduleConfig(warmup_lr=1e38), "schedule.warmup_lr must be .* at most 1000"),
        (lambda: OptimConfig(kind="sgd", fold_lr=True), "fold_lr must be for nesterov only"),
        (
            lambda: ScheduleConfig(epochs=5, warmup_epochs=5.0),
            r"try --schedule.warmup-epochs 0.21\); got 5.0",
        ),
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
        (lambda: MixConfig(alpha=0.4), "mix.alpha must be left alone where mix.kind is none"),
        (lambda: MixConfig(probability=0.5), "mix.probability must be left alone where mix.kind"),
        (lambda: MixConfig(cutmix_alpha=0.5), "mix.cutmix_alpha must be left alone where"),
        (
            lambda: MixConfig(kind="cutmix", cutmix_share=0.1),
            "mix.cutmix_share must be left alone where mix.kind is cutmix; got 0.1",
        ),
        (lambda: MixConfig(cutmix_alpha=-1.0), "mix.cutmix_alpha must be above 0; got -1.0"),
        (lambda: MixConfig(cutmix_share=1.5), r"mix.cutmix_share must be in \[0, 1\]; got 1.5"),
        (lambda: MixConfig(probability=-0.5), r"mix.probability must be in \[0, 1\]; got -0.5"),
        (
            lambda: MixConfig(kind="mixup-or-cutmix", pairing="two-batches"),
            "mix.pairing must be permutation or halves where mixing is left to chance",
        ),
        (
            lambda: MixConfig(kind="mixup", pairing="two-batches", probability=0.5),
            "mix.pairing must be permutation or halves",
        ),
        (
            lambda: MixConfig(kind="cutmix", pairing="halves"),
            "mix.pairing must be permutation where mix.kind is cutmix; got 'halves'",
        ),
        (
            lambda: DataConfig(progressive_starts=(0.0, 0.9)),
            "data.progressive_starts must be empty where data.progressive is",
        ),
        (
            lambda: OptimConfig(kind="adam"),
            "optim.kind must be one of nesterov, sgd, adabound; got 'adam'",
        ),
        (lambda: MixConfig(kind="Mixup"), "mix.kind must be one of none, mixup, .*got 'Mixup'"),
        (lambda: ScheduleConfig(epochs=1.5), "schedule.epochs must be a whole number; got 1.5"),
        (lambda: ScheduleConfig(epochs=True), "schedule.epochs must be a whole number; got True"),
        (lambda: OptimConfig(lr="0.1"), "optim.lr must be a number or None; got '0.1'"),
        (lambda: DataConfig(progressive=[160, 192]), "progressive must be a tuple, of which each"),
        (lambda: Recipe(model={"name": "resnet50"}), "^model must be ModelConfig; got {"),
        (lambda: Recipe(precision="fp16"), "precision must be one of float32, bfloat16, float16"),
        (lambda: ModelConfig(options={"se": [1]}), "options must be a mapping of names to plain"),
        (lambda: ModelConfig(options={"attention.ratio": 8}), "attention name=None: allowed"),
        (lambda: ModelConfig(options={"width.x": 1}), "width must be a number; got {'x': 1}"),
        (lambda: LossConfig(smoothing=1.0), "loss.smoothing must be"),
        (lambda: ModelConfig(name="resnet51"), "unknown model 'resnet51'"),
        (lambda: ModelConfig(options={"stemm": "small"}), "no field 'stemm'"),
        (lambda: ModelConfig(options={"dropblock.keep": 0.0}), "keep"),
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
    options = {"attention": "se", "dropblock.keep": 0.8, "antialias.filter_size": 5}
    recipe = Recipe(model=ModelConfig(name="resnet50d", options=options))
    with pytest.raises(FrozenInstanceError):
        recipe.seed = 1
    values = json.loads(json.dumps(recipe.as_dict()))
    assert values["model"]["overrides"] == {
        "attention": "se",
        "dropblock": {"keep": 0.8},
        "antialias": {"filter_size": 5},
    }


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({"attention": "se", "attention.ratio": 8}, "attention", SE(ratio=8)),
        ({"attention.bias": True, "attention": "se"}, "attention", SE(bias=True)),
        (
            {"antialias.positions": "sconv,proj"},
            "antialias",
            AntiAlias(positions=("sconv", "proj")),
        ),
        ({"antialias.positions": "proj"}, "antialias", AntiAlias(positions=("proj",))),
        (
            {"dropblock.mask": "batch", "dropblock.scales": "0, 0, .5, 1"},
            "dropblock",
            DropBlock(mask="batch", scales=(0, 0, 0.5, 1)),
        ),
        ({"big_little.alpha": 4}, "big_little", BigLittle(alpha=4)),
        ({"antialias.filter_size": 5, "antialias": "none"}, "antialias", AntiAlias(filter_size=5)),
    ],
)
def test_options_reach_inside_fields(options, field, expected):
    overrides = ModelConfig(name="resnet50d", options=options).overrides()
    assert getattr(model_config("resnet50d", **overrides), field) == expected


def test_options_come_on_top_of_what_the_recipe_has():
    preset = {"width": 0.25, "dropblock.mask": "batch", "dropblock.keep": 0.8}

    def overrides(**options):
        return ModelConfig(name="resnet50d", preset=preset, options=options).overrides()

    inside = {"mask": "batch", "keep": 0.8}
    assert overrides(width=0.5) == {"width": 0.5, "dropblock": inside}
    assert overrides(dropblock="none") == {"width": 0.25, "dropblock": None}
    assert overrides(**{"dropblock.keep": 0.5})["dropblock"] == {"mask": "batch", "keep": 0.5}


@pytest.mark.parametrize(
    ("name", "options", "field", "expected"),
    [
        ("assemble", {"dropblock": "none"}, "dropblock", None),
        ("assemble", {"dropblock.keep": 0.5}, "dropblock", DropBlock(keep=0.5, mask="batch")),
        ("tricks", {"zero_gamma": False}, "zero_gamma", False),
        ("fast16", {"antialias": "none"}, "antialias", None),
    ],
)
def test_options_win_over_every_field_of_a_recipe(name, options, field, expected):
    model = replace(RECIPES[name].make().model, options=options)
    assert getattr(model_config(model.name, **model.overrides()), field) == expected


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


def test_the_mixup_of_a_recipe_can_be_turned_off():
    assert replace(tricks().mix, kind="none").alpha == 0.2
