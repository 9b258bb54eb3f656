"""The recipes are what the papers say."""

import pytest

from fasttricks.train.recipes import RECIPES, assemble, baseline, efficient, fast16, tricks
from fasttricks.tricks.step_decay import StepDecay


@pytest.mark.parametrize("name", RECIPES)
def test_each_is_made_and_named_as_listed(name):
    entry = RECIPES[name]
    assert entry.make().name == name
    assert entry.cost
    assert entry.accuracy
    assert entry.what


def test_baseline_is_the_papers():
    """P1 section 2.1."""
    recipe = baseline()
    assert (recipe.data.batch_size, recipe.precision) == (256, "float32")
    assert (recipe.optim.kind, recipe.optim.lr_per_256, recipe.optim.momentum) == (
        "nesterov",
        0.1,
        0.9,
    )
    assert recipe.optim.decay_rule == "all"
    assert (recipe.schedule.kind, recipe.schedule.epochs) == ("step", 120)
    assert StepDecay(120, 1, recipe.schedule.drops).drop_epochs == (30, 60, 90)
    assert recipe.schedule.warmup_epochs == 0
    assert recipe.model.zero_gamma is False
    assert recipe.mix.kind == "none"
    assert recipe.loss.smoothing == 0


def test_each_step_of_the_paper_turns_on_its_own_tricks():
    """P1 sections 3 and 5."""
    recipe = efficient()
    assert recipe.data.batch_size == 1024
    assert recipe.schedule.warmup_epochs == 5
    assert recipe.model.zero_gamma
    assert recipe.optim.decay_rule == "weights-only"
    assert recipe.precision == "float16"
    assert recipe.schedule.kind == "step"
    recipe = tricks()
    assert recipe.model.name == "resnet50d"
    assert (recipe.schedule.kind, recipe.schedule.epochs) == ("cosine", 200)
    assert (recipe.loss.smoothing, recipe.mix.kind, recipe.mix.alpha) == (0.1, "mixup", 0.2)


def test_assemble_is_e11():
    """P2 table 7 and its training script."""
    recipe = assemble()
    assert recipe.schedule.epochs == 600
    assert (recipe.data.size, recipe.data.eval_size) == (224, 256)
    assert recipe.mix.pairing == "two-batches"
    assert recipe.augment.policy == "auto"
    assert recipe.model.overrides()["dropblock"] == {"keep": 0.9}
    assert (recipe.optim.kind, recipe.optim.decay_rule) == ("sgd", "norms-exempt")


def test_fast_ones_grow_their_pictures():
    from fasttricks.train.data import picture_size

    size = picture_size(fast16())
    assert [size(epoch) for epoch in (0, 11, 12, 15)] == [160, 160, 192, 192]
    assert fast16().data.eval_size == 256
