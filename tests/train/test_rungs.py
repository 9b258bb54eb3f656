"""The ladders against the papers' tables, and on networks that stand in for ResNet-50."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fasttricks.kernels.mix.kinds import pictures_per_output
from fasttricks.models.names import model_config
from fasttricks.train.build import build_schedule
from fasttricks.train.config import ModelConfig, OptimConfig
from fasttricks.train.data import mixes
from fasttricks.train.ladder import climb, shortened
from fasttricks.train.recipes import assemble, tricks
from fasttricks.train.rungs import LADDERS


def plan(name, *, teacher="", epochs=120, model=None, device="cuda", **changes):
    ladder = LADDERS[name]
    base = replace(shortened(ladder.base(), epochs), device=device, **changes)
    if model is not None:
        base = replace(base, model=model)
    return {step.name: step for step in climb(ladder.rungs(teacher), base)}


def network(step):
    return network_of(step.recipe)


def network_of(recipe):
    model = recipe.model
    return model_config(model.name, **model.overrides())


def test_bag_of_tricks_has_the_papers_figures():
    steps = plan("bag-of-tricks", teacher="t.npy")
    assert not any(step.skipped for step in steps.values())
    deltas = [step.paper_delta for step in steps.values()]
    # tables 4 and 5, then table 6: distillation and mixup both over smoothing, then both together
    assert deltas == [
        None, -0.70, 0.76, 0.44, -0.34, 0.18, 0.45, 0.21, 0.29, 0.75, 0.40, 0.36, 0.84, 0.14,
    ]  # fmt: skip
    assert steps["mixup"].against == "smoothing"
    assert steps["mixup"].recipe.loss.teacher == ""
    assert steps["mixup-distillation"].against == "mixup"


def test_bag_of_tricks_ends_where_the_recipe_of_the_paper_is():
    last = plan("bag-of-tricks")["mixup"].recipe
    end = tricks()
    assert network(plan("bag-of-tricks")["mixup"]) == model_config("resnet50d", zero_gamma=True)
    assert replace(last, name=end.name, device=end.device, model=end.model) == end


def test_assemble_has_the_papers_figures_and_ends_at_its_recipe():
    steps = plan("assemble", teacher="t.npy")
    assert [step.paper_delta for step in steps.values()][1:] == [
        0.50, 0.98, 0.75, 0.61, 0.69, 1.00, 0.29, 0.41, 0.34, 0.25, 0.09,
    ]  # fmt: skip
    theirs = {"bn_momentum": 0.003, "init": "variance-scaling"}
    assert network(steps["E0"]) == model_config("resnet50b", **theirs)
    masked = {"keep": 0.9, "mask": "batch"}
    assert network(steps["E11"]) == model_config("assemble_resnet50", dropblock=masked, **theirs)
    assert network(steps["E11"]) == network_of(assemble())
    end = assemble()
    last = steps["E11"].recipe
    expected = replace(end, name="E0", device="cuda", model=last.model, loss=last.loss)
    assert last == expected
    assert (last.loss.teacher, last.loss.temperature, last.loss.smoothing) == ("t.npy", 1.0, 0.1)


IMAGENET = 1_281_167
"""Pictures to train on."""


def steps_of(recipe):
    """Of the warm-up and of the whole training, of as many outputs each as the batch says."""
    reads = pictures_per_output(mixes(recipe.mix)) * recipe.data.batch_size
    schedule = build_schedule(recipe, IMAGENET // reads)
    return schedule.warmup.steps, schedule.steps


@pytest.mark.parametrize("share", [1, 0.1])
def test_assemble_trains_as_many_steps_as_the_paper(share):
    """P2's code: batches of 1024 after mixing; reading twice the pictures it doubles its passes."""
    papers = [120, 120, 120, 200, 200, 270, 270, 270, 600, 600, 600, 600]
    for step, epochs in zip(
        plan("assemble", teacher="t.npy", epochs=round(120 * share)).values(), papers, strict=True
    ):
        warmup, whole = steps_of(step.recipe)
        assert whole == pytest.approx(share * epochs * IMAGENET / 1024, rel=2e-3), step.name
        assert warmup == pytest.approx(share * 5 * IMAGENET / 1024, rel=5e-3), step.name
    assert steps_of(assemble()) == (6250, 750_000)


def test_rungs_of_equal_length_have_as_many_steps():
    ladder = LADDERS["assemble"]
    steps = climb(ladder.rungs(""), shortened(ladder.base(), 12), equal_epochs=True)
    lengths = [steps_of(step.recipe)[1] for step in steps if not step.skipped]
    assert lengths == pytest.approx([12 * 1251] * len(lengths), rel=2e-3)


def test_linear_scaling_scales_a_rate_given_by_hand_too():
    steps = plan("bag-of-tricks", optim=OptimConfig(lr=0.05))
    assert steps["linear-scaling"].recipe.optim.lr == 0.2
    assert steps["linear-scaling"].recipe.data.batch_size == 1024
    assert plan("bag-of-tricks")["linear-scaling"].recipe.optim.lr is None


def test_the_warm_up_has_its_share_of_a_short_schedule():
    assert plan("bag-of-tricks", epochs=24)["warm-up"].recipe.schedule.warmup_epochs == 1.0


def test_a_cpu_is_not_asked_for_16_bits():
    steps = plan("bag-of-tricks", device="cpu")
    assert steps["float16"].skipped.startswith("float16 is for GPUs")
    assert steps["resnet-b"].against == "no-bias-decay"
    assert steps["mixup"].recipe.precision == "float32"


def skipped(steps):
    return {name for name, step in steps.items() if step.skipped}


def test_a_small_resnet_stands_in():
    small = ModelConfig(name="resnet18", preset={"zero_gamma": False}, options={"width": 0.25})
    steps = plan("bag-of-tricks", model=small)
    assert skipped(steps) == {"resnet-b", "distillation", "mixup-distillation"}
    assert "depth 18" in steps["resnet-b"].skipped
    last = network(steps["mixup"])
    assert (last.depth, last.variant, last.width, last.zero_gamma) == (18, "d", 0.25, True)
    small = replace(small, options={"width": 0.25, "stem": "small"})
    assert "small stem" in plan("bag-of-tricks", model=small)["resnet-c"].skipped


def test_attention_that_needs_bottlenecks_is_skipped_without():
    model = ModelConfig(name="resnet18", preset={"zero_gamma": True})
    steps = plan("assemble", model=model)
    assert skipped(steps) == {"E6", "E7", "E9"}
    assert "depth" in steps["E6"].skipped
    assert network(steps["E11"]).attention == network(steps["E4"]).attention
    assert steps["E8"].against == "E5"


def test_big_little_takes_multiples_of_32_and_tests_larger():
    steps = plan("assemble")
    assert (steps["E8"].recipe.data.eval_size, steps["E9"].recipe.data.eval_size) == (224, 256)
    data = replace(LADDERS["assemble"].base().data, size=100, eval_size=100)
    assert "multiples of 32" in plan("assemble", data=data)["E9"].skipped


def test_other_networks_skip_what_only_resnets_have():
    steps = plan("bag-of-tricks", model=ModelConfig(name="mobilenet_v1"))
    gone = {"zero-gamma", "resnet-b", "resnet-c", "resnet-d", "distillation", "mixup-distillation"}
    assert skipped(steps) == gone
    assert "mobilenet_v1" in steps["resnet-d"].skipped


@pytest.mark.parametrize(("batch", "group"), [(64, 32), (48, 16), (10, 2)])
def test_mixup_finds_groups_in_any_even_batch(batch, group):
    data = replace(LADDERS["assemble"].base().data, batch_size=batch)
    assert plan("assemble", data=data)["E3"].recipe.mix.group == group


def test_mixup_in_odd_batches_is_skipped():
    data = replace(LADDERS["assemble"].base().data, batch_size=15)
    assert "no pairs inside a batch of 15" in plan("assemble", data=data)["E3"].skipped
