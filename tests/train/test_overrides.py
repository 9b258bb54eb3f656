from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_set_is_the_same_recipe(name):
    recipe = RECIPES[name].make()
    assert with_settings(recipe, []) == recipe


@pytest.mark.parametrize("setting", ["optim.lr", "=3", ""])
def test_what_is_no_setting_is_told(setting):
    with pytest.raises(ValueError, match="--set takes NAME=VALUE"):
        with_settings(cpu_small(), [setting])


@pytest.mark.parametrize("setting", ["optim.learning-rate=3", "optim.lr=fast", "precision=int8"])
def test_unknown_settings_and_values_are_refused(setting, capsys):
    with pytest.raises(SystemExit):
        with_settings(cpu_small(), [setting])
    assert setting.partition("=")[0].split(".")[-1] in capsys.readouterr().err
