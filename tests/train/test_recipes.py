"""The recipes are what the papers say."""

import pytest

from fasttricks.kernels.policy import AutoAugment
from fasttricks.models.config import DropBlock
from fasttricks.models.names import model_config
from fasttricks.train.build import build_schedule, peak_lr
from fasttricks.train.data import augmentation, picture_size
from fasttricks.train.recipes import (
    RECIPES,
    assemble,
    baseline,
    efficient,
    fast16,
    fast40,
    fast88,
    tricks,
)
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
    assert recipe.model.overrides() == {"zero_gamma": False}
    assert recipe.mix.kind == "none"
    assert recipe.loss.smoothing == 0


def test_each_step_of_the_paper_turns_on_its_own_tricks():
    """P1 sections 3 and 5."""
    recipe = efficient()
    assert recipe.data.batch_size == 1024
    assert recipe.schedule.warmup_epochs == 5
    assert recipe.model.overrides() == {"zero_gamma": True}
    assert recipe.optim.decay_rule == "weights-only"
    assert recipe.precision == "float16"
    assert recipe.schedule.kind == "step"
    recipe = tricks()
    assert recipe.model.name == "resnet50d"
    assert (recipe.schedule.kind, recipe.schedule.epochs) == ("cosine", 200)
    assert (recipe.loss.smoothing, recipe.mix.kind, recipe.mix.alpha) == (0.1, "mixup", 0.2)
    assert recipe.mix.per == "batch"  # as gluon-cv's train_imagenet.py draws it


def test_assemble_is_e11():
    """P2 table 7, its training script and nets/model_helper.py; steps are tested in test_rungs."""
    recipe = assemble()
    assert (recipe.schedule.epochs, recipe.schedule.warmup_epochs) == (1200, 10)  # of two a picture
    assert (recipe.data.size, recipe.data.eval_size) == (224, 256)
    assert (recipe.mix.pairing, recipe.mix.per) == ("two-batches", "sample")
    augment = augmentation(recipe.augment)
    assert (augment.color, augment.lighting, augment.area) == ("none", 0, (0.05, 1))
    assert augment.policy == AutoAugment()
    assert augment.std == (1, 1, 1)
    network = network_of(recipe)
    assert (network.bn_momentum, network.init) == (0.003, "variance-scaling")
    assert network.dropblock == DropBlock(keep=0.9, mask="batch")
    assert (recipe.optim.kind, recipe.optim.decay_rule) == ("sgd", "norms-exempt")


def at(recipe, epoch):
    """Picture size in an epoch, counted from 0."""
    return picture_size(recipe)(epoch)


@pytest.mark.parametrize(
    ("recipe", "last_small"), [(fast16(), 11), (fast40(), 31), (fast88(), 70)], ids=lambda x: str(x)
)
def test_fast_ones_are_those_of_ffcv(recipe, last_small):
    """libffcv/ffcv-imagenet: get_resolution of rn50_configs' ramps 11 to 13, 29 to 34, 65 to 76."""
    last = recipe.schedule.epochs - 1
    assert [at(recipe, e) for e in (0, last_small, last_small + 1, last)] == [160, 160, 192, 192]
    assert recipe.data.eval_size == 256
    network = network_of(recipe)
    assert set(network.antialias.positions) == {"sconv", "proj"}
    assert (network.zero_gamma, network.init, network.variant) == (False, "he-fan-out", "b")
    augment = augmentation(recipe.augment)
    assert (augment.color, augment.lighting, augment.mean) == ("none", 0, (123.675, 116.28, 103.53))
    rate = build_schedule(recipe, 100)
    assert rate(200) == pytest.approx(1.7)
    assert rate(200 + (rate.steps - 200) // 2) == pytest.approx(0.85)


FIGURES = {
    # learning rate, batch, weight decay, what decays, optimiser, warm-up epochs, smoothing
    "baseline": (0.1, 256, 1e-4, "all", "nesterov", 0, 0),
    "efficient": (0.4, 1024, 1e-4, "weights-only", "nesterov", 5, 0),
    "tricks": (0.4, 1024, 1e-4, "weights-only", "nesterov", 5, 0.1),
    "assemble": (0.4, 1024, 1e-4, "norms-exempt", "sgd", 10, 0.1),
    "fast16": (1.7, 4096, 1e-4, "norms-exempt", "sgd", 2, 0.1),
    "fast40": (1.7, 4096, 1e-4, "norms-exempt", "sgd", 2, 0.1),
    "fast88": (1.7, 4096, 1e-4, "norms-exempt", "sgd", 2, 0.1),
    "mobilenet": (0.4, 1024, 1e-4, "weights-only", "nesterov", 5, 0.1),
    "inception": (0.4, 1024, 1e-4, "weights-only", "nesterov", 5, 0.1),
}
"""P1 sections 2.1, 3.1, 5; P2's scripts/train_assemble_from_scratch.sh; FFCV's rn50_configs.
Not of `cpu-small`, which is ours."""


@pytest.mark.parametrize("name", FIGURES)
def test_the_figures_of_a_recipe_are_its_sources(name):
    recipe = RECIPES[name].make()
    o = recipe.optim
    found = (peak_lr(recipe), recipe.data.batch_size, o.weight_decay, o.decay_rule, o.kind)
    more = (recipe.schedule.warmup_epochs, recipe.loss.smoothing)
    assert [*found, *more] == [x if isinstance(x, str) else pytest.approx(x) for x in FIGURES[name]]
    assert (o.momentum, recipe.schedule.warmup) == (0.9, "from-zero")
    expected = None if name in NO_RESIDUALS else name not in PLAIN_GAMMA
    assert recipe.model.overrides().get("zero_gamma") is expected


NO_RESIDUALS = ("mobilenet", "inception")
PLAIN_GAMMA = ("baseline", "fast16", "fast40", "fast88")


@pytest.mark.parametrize(
    ("name", "momentum", "eps"),
    [
        ("baseline", 0.1, 1e-5),
        ("tricks", 0.1, 1e-5),
        ("assemble", 0.003, 1e-5),
        ("mobilenet", 0.1, 1e-5),
        ("inception", 0.1, 1e-3),
        ("fast16", 0.1, 1e-5),
    ],
)
def test_batch_norm_is_that_of_the_source(name, momentum, eps):
    network = network_of(RECIPES[name].make())
    assert (network.bn_momentum, network.bn_eps) == (momentum, eps)


def network_of(recipe):
    return model_config(recipe.model.name, **recipe.model.overrides())
