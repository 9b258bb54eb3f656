from __future__ import annotations

from dataclasses import replace

import pytest

from fasttricks.bench.scripts.plain import check_plain, model_names, plain, window_of
from fasttricks.train.config import Recipe
from fasttricks.train.overrides import with_settings
from fasttricks.train.recipes import RECIPES


def base(name: str = "baseline", device: str = "cpu") -> Recipe:
    return plain(replace(RECIPES[name].make(), device=device))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_plain_one_that_passes(name: str) -> None:
    recipe = base(name)
    check_plain(recipe, recipe)
    assert model_names(recipe.model.name, ["torchvision", "timm"])
    made = RECIPES[name].make()
    assert (recipe.data.size, recipe.data.batch_size) == (made.data.size, made.data.batch_size)
    assert recipe.precision == made.precision


def test_networks_are_those_that_all_have() -> None:
    assert base("baseline").model.name == "resnet50b"
    assert base("cpu-small").model.name == "resnet18"
    assert base("mobilenet").model.name == "resnet50b"
    names = model_names("resnet50b", ["torchvision", "timm"])
    assert names == {"torchvision": "resnet50", "timm": "resnet50"}
    for name, script in (("resnet50", "torchvision"), ("resnet50d", "torchvision")):
        with pytest.raises(ValueError, match=f"{script} has no such network; all have resnet18"):
            model_names(name, ["torchvision", "timm"])


@pytest.mark.parametrize(
    "settings",
    [
        ("data.size=128", "data.batch-size=8", "data.threads=2", "max-steps=30"),
        ("precision=bfloat16", "compile=True"),
        ("optim.kind=sgd", "optim.lr=0.1", "optim.decay-rule=weights-only"),
        ("model.name=resnet34",),
    ],
)
def test_what_all_have_may_be_set(settings: tuple[str, ...]) -> None:
    # a flag of tyro's is --compile, not --compile True
    settings = tuple(word for word in settings if word != "compile=True")
    check_plain(with_settings(base(), settings), base())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("mix.kind=mixup", "mix.kind=mixup"),
        ("loss.smoothing=0.1", "loss.smoothing=0.1"),
        ("augment.color=hsv", "augment.color=hsv"),
        ("augment.policy=rand", "augment.policy=rand"),
        ("ema=0.99", "ema=0.99"),
        ("accumulate=2", "accumulate=2"),
        ("schedule.epochs=2", "schedule.epochs=2"),
        ("model.zero-gamma=True", "model.zero-gamma=True"),
        ("model.options=width 0.5", "model.options="),
        ("data.views=2", "data.views=2"),
    ],
)
def test_what_they_lack_may_not(setting: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"--set {said}.*compares plain training"):
        check_plain(with_settings(base(), (setting,)), base())


def test_optimisers_that_they_have_not() -> None:
    with pytest.raises(ValueError, match="sgd or nesterov"):
        check_plain(with_settings(base(), ("optim.kind=adabound",)), base())
    with pytest.raises(ValueError, match="decay-rule=all or weights-only"):
        check_plain(with_settings(base(), ("optim.decay-rule=norms-exempt",)), base())


def test_the_clock_stops_before_loaders_have_nothing_left_to_do() -> None:
    window = window_of(base(), threads=2)
    assert (window.first, window.last, window.steps) == (4, 20, 26)
    assert window_of(base(), threads=16).rest > 2 * 16
    given = window_of(replace(base(), max_steps=40), threads=2)
    assert (given.steps, given.timed) == (40, 30)
    cuda = base(device="cuda")
    assert (window_of(cuda, 2).timed, cuda.log_every) == (200, 10)


def test_too_few_steps_to_time_any() -> None:
    assert window_of(replace(base(), max_steps=12), threads=2).timed == 2
    with pytest.raises(ValueError, match="at least 12 are needed"):
        window_of(replace(base(), max_steps=11), threads=2)
