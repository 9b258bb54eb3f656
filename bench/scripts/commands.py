"""The command lines that make each trainer do the same, and what it does otherwise all the same."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from fasttricks.bench.scripts.script import Script
from fasttricks.train.config import Recipe

RUN = "run"
"""The folder in a run's own where a trainer keeps what it writes."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all of them are to do."""

    recipe: Recipe
    """A plain one, with its optim.lr."""
    data: Path
    """With train and val inside."""
    classes: int
    threads: int
    """Threads or workers of the loader."""


def ours(job: Job, pipeline: str, out: Path) -> list[str]:
    """`fasttricks train` with every setting that the recipe `baseline` has otherwise."""
    recipe, data, optim = job.recipe, job.recipe.data, job.recipe.optim
    return [
        *(sys.executable, "-m", "fasttricks", "train", "baseline"),
        *("--data", str(job.data), "--pipeline", pipeline, "--out", str(out / RUN)),
        *("--device", recipe.device, "--precision", recipe.precision),
        "--compile" if recipe.compile else "--no-compile",
        *("--log-every", str(recipe.log_every), "--seed", str(recipe.seed), "--keep", "1"),
        *("--model.name", recipe.model.name),
        *("--data.batch-size", str(data.batch_size), "--data.size", str(data.size)),
        *("--data.eval-size", str(data.size), "--data.eval-batch-size", str(data.batch_size)),
        *("--data.threads", str(job.threads), "--data.on-error", data.on_error),
        *("--augment.color", "none", "--augment.lighting", "0"),
        *("--optim.kind", optim.kind, "--optim.lr", str(optim.lr)),
        *("--optim.momentum", str(optim.momentum)),
        *("--optim.weight-decay", str(optim.weight_decay), "--optim.decay-rule", optim.decay_rule),
        *("--schedule.kind", "constant", "--schedule.epochs", "1"),
    ]


def torchvision(job: Job, script: Script, model: str, out: Path) -> list[str]:
    """`references/classification/train.py`.

    Raises:
        ValueError: it cannot do that: mixed precision on a CPU, or compilation without the flag.
    """
    recipe, data, optim = job.recipe, job.recipe.data, job.recipe.optim
    if recipe.precision != "float32" and recipe.device == "cpu":
        raise ValueError(
            "torchvision's script has mixed precision on a GPU only; leave precision as float32"
        )
    if recipe.compile and not script.has("--compile"):
        raise ValueError("torchvision's script has no --compile; leave compile as it is")
    command = [
        *(sys.executable, str(script.file), "--data-path", str(job.data)),
        *("--output-dir", str(out / RUN), "--device", recipe.device, "--model", model),
        *("--batch-size", str(data.batch_size), "--workers", str(job.threads), "--epochs", "1"),
        *("--opt", "sgd_nesterov" if optim.kind == "nesterov" else "sgd", "--lr", str(optim.lr)),
        *("--momentum", str(optim.momentum), "--weight-decay", str(optim.weight_decay)),
        *("--train-crop-size", str(data.size), "--val-crop-size", str(data.size)),
        *("--val-resize-size", str(round(data.size / 0.875)), "--interpolation", "bilinear"),
        *("--print-freq", str(recipe.log_every)),
    ]
    if optim.decay_rule == "weights-only":
        command += ["--norm-weight-decay", "0", "--bias-weight-decay", "0"]
    if recipe.precision != "float32":
        command += ["--amp"]
    if recipe.compile:
        command += ["--compile"]
    if script.has("--channel-last"):  # forks have it
        command += ["--channel-last"]
    return command


def timm(job: Job, script: Script, model: str, out: Path) -> list[str]:
    """timm's `train.py`; the timm that it imports is the one beside it."""
    recipe, data, optim = job.recipe, job.recipe.data, job.recipe.optim
    size = str(data.size)
    every = optim.decay_rule == "all"
    command = [
        *(sys.executable, str(script.file), "--data-dir", str(job.data)),
        *("--train-split", "train", "--val-split", "val"),
        *("--output", str(out), "--experiment", RUN, "--checkpoint-hist", "1"),
        *("--device", recipe.device, "--channels-last", "--model", model),
        *("--num-classes", str(job.classes), "--model-kwargs", "zero_init_last=False"),
        *("--input-size", "3", size, size, "--crop-pct", "0.875"),
        *("--batch-size", str(data.batch_size), "--workers", str(job.threads)),
        *("--opt", "nesterov" if optim.kind == "nesterov" else "momentum", "--lr", str(optim.lr)),
        *("--momentum", str(optim.momentum), "--weight-decay", str(optim.weight_decay)),
        *(("--opt-kwargs", "filter_bias_and_bn=False") if every else ()),
        *("--epochs", "1", "--warmup-epochs", "0", "--sched", "step"),
        *("--scale", "0.08", "1.0", "--hflip", "0.5", "--train-interpolation", "bilinear"),
        *("--interpolation", "bilinear", "--color-jitter", "0", "--smoothing", "0"),
        *("--log-interval", str(recipe.log_every), "--seed", str(recipe.seed)),
    ]
    if recipe.device == "cuda":
        command += ["--pin-mem"]
    if recipe.precision != "float32":
        command += ["--amp", "--amp-dtype", recipe.precision]
    if recipe.compile:
        command += ["--torchcompile"]
    return command


def differences(recipe: Recipe, script: Script) -> list[str]:
    """What a script does otherwise than we do, for all that is set alike."""
    found = []
    if script.name == "torchvision":
        found.append("computes top-1 and top-5 of every training batch")
        if not script.has("--channel-last"):
            found.append("lays pictures out channel by channel (no channels_last)")
        if recipe.precision == "bfloat16":
            found.append("computes in float16 with loss scaling (its --amp has no bfloat16)")
    else:
        found.append("normalises whole batches in the training process")
    found.append("decodes whole files, with Pillow, in worker processes")
    found.append("reads the loss in every step")
    return found


def ours_differs(pipeline: str) -> list[str]:
    """What we do besides."""
    if pipeline == "resident":
        found = ["decodes all pictures once, before the first step"]
    else:
        found = ["cuts crops out of the files before decoding (a seek index is made once)"]
    return [*found, "updates all weights in one fused kernel"]
