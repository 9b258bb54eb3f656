"""Equal settings, as far as command lines go; the real scripts are asked in test_run.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import tyro

from fasttricks.bench.scripts import commands
from fasttricks.bench.scripts.commands import Job
from fasttricks.bench.scripts.config import Config
from fasttricks.bench.scripts.script import Script
from fasttricks.train.config import OptimConfig, Recipe
from fasttricks.train.recipes import RECIPES
from tests.bench.scripts.stand_in import clone_timm, clone_torchvision

OUT = Path("/out")


def job(device: Literal["cpu", "cuda"] = "cpu", **changes: Any) -> Job:
    recipe = replace(Config(device=device, size=128, batch_size=8).recipe, **changes)
    return Job(recipe=recipe, data=Path("/data"), classes=10, threads=3)


@pytest.fixture
def vision(tmp_path: Path) -> Script:
    return clone_torchvision(tmp_path / "vision")


@pytest.fixture
def timm(tmp_path: Path) -> Script:
    return clone_timm(tmp_path / "timm")


def flags(command: list[str]) -> dict[str, str]:
    """Each flag with what follows it, up to the next."""
    found: dict[str, str] = {}
    name = ""
    for word in command:
        if word.startswith("--"):
            name = word
            found[name] = ""
        elif name:
            found[name] = f"{found[name]} {word}".strip()
    return found


def three(given: Job, vision: Script, timm: Script) -> list[dict[str, str]]:
    return [
        flags(commands.ours(given, "roi", OUT)),
        flags(commands.torchvision(given, vision, "resnet50", OUT)),
        flags(commands.timm(given, timm, "resnet50", OUT)),
    ]


def test_equal_settings(vision: Script, timm: Script) -> None:
    ours, tv, ti = three(job(), vision, timm)
    assert ours["--data"] == tv["--data-path"] == ti["--data-dir"] == "/data"
    assert ours["--model.name"] == "resnet50b"
    assert tv["--model"] == ti["--model"] == "resnet50"
    assert ours["--data.batch-size"] == tv["--batch-size"] == ti["--batch-size"] == "8"
    assert ours["--data.size"] == ours["--data.eval-size"] == tv["--train-crop-size"] == "128"
    assert ti["--input-size"] == "3 128 128"
    assert (tv["--val-crop-size"], tv["--val-resize-size"]) == ("128", "146")
    assert ours["--data.threads"] == tv["--workers"] == ti["--workers"] == "3"
    assert ours["--optim.lr"] == tv["--lr"] == ti["--lr"] == "0.001"
    assert ours["--optim.momentum"] == tv["--momentum"] == ti["--momentum"] == "0.9"
    decays = ours["--optim.weight-decay"], tv["--weight-decay"], ti["--weight-decay"]
    assert decays == ("0.0001",) * 3
    assert (ours["--optim.kind"], tv["--opt"], ti["--opt"]) == (
        "nesterov",
        "sgd_nesterov",
        "nesterov",
    )
    assert ours["--schedule.epochs"] == tv["--epochs"] == ti["--epochs"] == "1"
    assert ours["--log-every"] == tv["--print-freq"] == ti["--log-interval"] == "1"
    assert ours["--device"] == tv["--device"] == ti["--device"] == "cpu"


def test_what_timm_does_by_itself_is_turned_off(timm: Script) -> None:
    ti = flags(commands.timm(job(), timm, "resnet50", OUT))
    assert (ti["--smoothing"], ti["--color-jitter"], ti["--warmup-epochs"]) == ("0", "0", "0")
    assert ti["--train-interpolation"] == "bilinear"
    assert ti["--model-kwargs"] == "zero_init_last=False"
    assert "--channels-last" in ti


def test_both_rules_of_decay(vision: Script, timm: Script) -> None:
    _, tv, ti = three(job(), vision, timm)
    assert ti["--opt-kwargs"] == "filter_bias_and_bn=False"  # else it spares biases and norms
    assert "--norm-weight-decay" not in tv
    some = job(optim=OptimConfig(kind="sgd", lr=0.1, decay_rule="weights-only"))
    ours, tv, ti = three(some, vision, timm)
    assert ours["--optim.decay-rule"] == "weights-only"
    assert tv["--norm-weight-decay"] == tv["--bias-weight-decay"] == "0"
    assert "--opt-kwargs" not in ti
    assert (ours["--optim.kind"], tv["--opt"], ti["--opt"]) == ("sgd", "sgd", "momentum")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_on_a_gpu(vision: Script, timm: Script, precision: str) -> None:
    given = job(device="cuda", precision=precision)
    ours, tv, ti = three(given, vision, timm)
    assert ours["--device"] == tv["--device"] == ti["--device"] == "cuda"
    assert ours["--precision"] == ti["--amp-dtype"] == precision
    assert "--amp" in tv
    assert "--amp" in ti
    assert "--pin-mem" in ti
    assert ours["--log-every"] == tv["--print-freq"] == ti["--log-interval"] == "10"
    said = " ".join(commands.differences(given.recipe, vision))
    assert ("no bfloat16" in said) == (precision == "bfloat16")


def test_float32_has_no_flag_of_it(vision: Script, timm: Script) -> None:
    for given in (job(), job(device="cuda")):
        ours, tv, ti = three(given, vision, timm)
        assert ours["--precision"] == "float32"
        assert "--amp" not in tv
        assert "--amp" not in ti


def test_a_fork_with_channels_last_uses_it(tmp_path: Path, vision: Script) -> None:
    fork = clone_torchvision(tmp_path / "fork", 'add_argument("--channel-last")')
    assert "--channel-last" in commands.torchvision(job(), fork, "resnet50", OUT)
    assert "--channel-last" not in commands.torchvision(job(), vision, "resnet50", OUT)
    assert "channels_last" in " ".join(commands.differences(job().recipe, vision))
    assert "channels_last" not in " ".join(commands.differences(job().recipe, fork))


def test_compilation_where_the_script_has_it(tmp_path: Path, vision: Script, timm: Script) -> None:
    given = job(compile=True)
    assert "--compile" in commands.ours(given, "roi", OUT)
    assert "--torchcompile" in commands.timm(given, timm, "resnet50", OUT)
    with pytest.raises(ValueError, match="torchvision's script has no --compile"):
        commands.torchvision(given, vision, "resnet50", OUT)
    fork = clone_torchvision(tmp_path / "fork", 'add_argument("--compile")')
    assert "--compile" in commands.torchvision(given, fork, "resnet50", OUT)


def test_torchvision_cannot_mix_precisions_on_a_cpu(vision: Script) -> None:
    with pytest.raises(ValueError, match="on a GPU only"):
        commands.torchvision(job(precision="bfloat16"), vision, "resnet50", OUT)


def test_our_flags_exist_and_say_what_was_meant() -> None:
    given = job(optim=OptimConfig(lr=0.01, decay_rule="weights-only"))
    command = commands.ours(given, "roi", OUT)
    assert command[1:5] == ["-m", "fasttricks", "train", "baseline"]
    recipe = tyro.cli(Recipe, args=command[5:], default=RECIPES["baseline"].make())
    data = replace(
        given.recipe.data, path="/data", eval_size=128, eval_batch_size=8, threads=3, pipeline="roi"
    )
    assert recipe == replace(
        given.recipe,
        name="baseline",
        data=data,
        out="/out/run",
        keep=1,
        schedule=recipe.schedule,
    )
    assert (recipe.schedule.kind, recipe.schedule.epochs) == ("constant", 1)
