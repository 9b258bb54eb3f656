from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from fasttricks.bench.models.peers import others
from fasttricks.bench.scripts.config import Config


@pytest.mark.parametrize("model", get_args(get_type_hints(Config)["model"]))
def test_all_have_the_same_network_under_our_name_without_its_letter(model: str) -> None:
    for library in others(model):
        assert (library.model, library.differs) == (model.removesuffix("b"), "")
    assert {library.name for library in others(model)} == {"torchvision", "timm"}


def test_the_recipe_has_no_trick() -> None:
    recipe = Config(batch_size=8, size=32, precision="float16", optim="sgd", lr=0.5).recipe
    assert (recipe.data.batch_size, recipe.data.size, recipe.precision) == (8, 32, "float16")
    assert (recipe.optim.kind, recipe.optim.lr) == ("sgd", 0.5)
    assert (recipe.mix.kind, recipe.augment.color, recipe.loss.smoothing) == ("none", "none", 0)
    assert (recipe.schedule.kind, recipe.ema) == ("constant", 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timm": None}, "name a clone"),
        ({"rounds": 0}, "--rounds"),
        ({"batch_size": 0}, "--batch-size"),
        ({"threads": 0}, "--threads"),
    ],
)
def test_mistakes(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**({"timm": Path("x")} | changes)).check()
