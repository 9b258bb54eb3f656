from __future__ import annotations

import pytest

from fasttricks.errors import FasttricksError
from fasttricks.train.overrides import with_settings
from fasttricks.train.recipes import RECIPES, cpu_small, efficient


def test_settings_are_those_of_train_and_all_else_stays():
    settings = ["optim.lr=0.4", "data.progressive=96 128", "model.options=width 0.5"]
    recipe = with_settings(efficient(), [*settings, "precision=bfloat16"])
    assert recipe.optim.lr == 0.4
    assert recipe.data.progressive == (96, 128)
    assert dict(recipe.model.options) == {"width": 0.5}
    assert recipe.precision == "bfloat16"
    assert recipe.name == "efficient"
    assert recipe.schedule == efficient().schedule


@pytest.mark.parametrize(
    ("setting", "overrides"),
    [
        (
            "model.options=attention se attention.ratio 8",
            {"width": 0.25, "attention": {"name": "se", "ratio": 8}},
        ),
        ("model.options=stem small width 0.5", {"width": 0.5, "stem": "small"}),
    ],
)
def test_options_come_on_top_of_those_of_the_recipe(setting, overrides):
    assert with_settings(cpu_small(), [setting]).model.overrides() == overrides


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_set_is_the_same_recipe(name):
    recipe = RECIPES[name].make()
    assert with_settings(recipe, []) == recipe


@pytest.mark.parametrize("setting", ["optim.lr", "=3", ""])
def test_what_is_no_setting_is_told(setting):
    with pytest.raises(ValueError, match="--set takes NAME=VALUE"):
        with_settings(cpu_small(), [setting])


@pytest.mark.parametrize("value", [True, False])
def test_switches_take_their_value(value):
    assert with_settings(cpu_small(), [f"compile={value}"]).compile is value


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("optim.learning-rate=3", "unrecognized options: optim.learning-rate, 3"),
        ("optim.lr=fast", "optim.lr: .*'fast'"),
        ("optim.lr=", "missing value for argument 'optim.lr'"),
        ("precision=int8", "invalid choice 'int8' for argument 'precision'"),
        ("schedule.epochs=0", "schedule.epochs must be at least 1; got 0"),
        ("data.pipeline=roi", "perhaps you meant pipeline STR"),
        ("model.name=resnet19", "unknown model 'resnet19'; did you mean resnet1"),
        ("help=", "unrecognized options: help"),
    ],
)
def test_unknown_settings_and_values_are_told_in_one_line(setting, said, capfd):
    with pytest.raises(FasttricksError, match=f"^--set: .*{said}") as told:
        with_settings(cpu_small(), [setting])
    assert str(told.value).endswith("; see fasttricks train RECIPE --help")
    assert "\n" not in str(told.value)
    assert not set(str(told.value)) & set("╭│─")
    assert capfd.readouterr() == ("", "")
