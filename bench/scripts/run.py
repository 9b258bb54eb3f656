"""The race of training scripts as a whole: prepare, run in turn, show and save."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig, words
from fasttricks.bench.files import PictureFiles, open_files
from fasttricks.bench.progress import Teller
from fasttricks.bench.requirements import check_device
from fasttricks.bench.scripts import commands
from fasttricks.bench.scripts.config import Config
from fasttricks.bench.scripts.measure import OURS, measure, results
from fasttricks.bench.scripts.pictures import CLASSES, lay_out
from fasttricks.bench.scripts.script import Script, find_scripts
from fasttricks.bench.scripts.show import show
from fasttricks.bench.scripts.steps import steps_ours, steps_timm, steps_torchvision
from fasttricks.bench.scripts.watch import Trainer
from fasttricks.bench.scripts.window import Window, window_of
from fasttricks.cpus import available_cpus
from fasttricks.errors import DataError
from fasttricks.files import check_writable
from fasttricks.pipelines.registry import require

ELSEWHERE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS", "PYTHONSAFEPATH")
"""What would make a script one of several processes, or keep it from what lies beside it."""
OTHERS = {
    "torchvision": (commands.torchvision, steps_torchvision),
    "timm": (commands.timm, steps_timm),
}
"""By script: what makes its command line, and what reads its log."""


def main(config: Config) -> None:
    """Measure as `config` says; table on stdout, progress on stderr.

    Raises:
        FasttricksError: data cannot be used, or a trainer failed; its last words are told.
        ValueError: settings do not fit together, or a script cannot do the same.
    """
    config.check()
    check_device(config.device)
    if config.json:
        check_writable(config.json)
    scripts = find_scripts({"torchvision": config.torchvision, "timm": config.timm})
    recipe = config.recipe
    threads = config.threads or available_cpus()
    window = window_of(recipe, threads)
    files = open_files(BenchConfig(data=config.data, batch_size=1))
    if files.is_pack:
        raise DataError(f"{files.label} is a pack; the scripts read folders of pictures")
    data = lay_out(files.paths, files.key, window.steps * config.batch_size)
    job = commands.Job(recipe=recipe, data=data, classes=CLASSES, threads=threads)
    trainers = trainers_of(words(config.pipeline), job, scripts)
    report.finish(compare(trainers, job, scripts, window, files, config.rounds), config.json, show)


def compare(
    trainers: Sequence[Trainer],
    job: commands.Job,
    scripts: Sequence[Script],
    window: Window,
    files: PictureFiles,
    rounds: int,
) -> list[report.ResultRow]:
    """Run all in turn; the rows of the results."""
    env = environment()
    with Teller() as teller:
        teller.expect(rounds * len(trainers))
        readings = measure(trainers, window, env, rounds=rounds, tell=teller.tell)
    about = _about(job, scripts, window) | {
        "data": f"{files.label}, in {CLASSES} made-up classes",
        "torch_threads": int(env["OMP_NUM_THREADS"]),
        "omp_wait_policy": env["OMP_WAIT_POLICY"],
    }
    differs = {script.name: commands.differences(job.recipe, script) for script in scripts}
    rows = []
    for row, trainer in zip(results(readings, job.recipe.data.batch_size), trainers, strict=True):
        line = shlex.join(trainer.command(Path("OUT")))
        own = differs.get(trainer.row) or commands.ours_differs(trainer.row.split()[1])
        rows.append(row | {"command_line": line, "differs": own} | about)
    return rows


def trainers_of(
    names: Sequence[str], job: commands.Job, scripts: Sequence[Script]
) -> list[Trainer]:
    """Ours with each pipeline, then the scripts.

    Raises:
        UnknownNameError: no such pipeline.
        FasttricksError: one cannot be used here.
        ValueError: a script cannot do what it is to do.
    """
    for name in names:
        require(name)
    ours = [
        Trainer(
            row=f"{OURS} {name}",
            command=partial(commands.ours, job, name),
            steps=steps_ours,
            log=f"{commands.RUN}/log.jsonl",
        )
        for name in names
    ]
    model = job.recipe.model.name.removesuffix("b")  # what the others call it
    theirs = []
    for script in scripts:
        command, steps = OTHERS[script.name]
        made = partial(command, job, script, model)
        made(Path())  # finds now what the script cannot do
        theirs.append(Trainer(row=script.name, command=made, steps=steps))
    return [*ours, *theirs]


def environment() -> dict[str, str]:
    """What all of them are started with.

    `fasttricks train` has OpenMP's threads sleep while they wait, as others on these cores have
    work to do. That is one variable and no part of a trainer, so all have it.
    """
    env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    env.setdefault("OMP_NUM_THREADS", str(available_cpus()))
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return env | {"PYTHONUNBUFFERED": "1"}


def _about(job: commands.Job, scripts: Sequence[Script], window: Window) -> dict[str, object]:
    recipe, optim = job.recipe, job.recipe.optim
    return {
        "mode": "scripts",
        "model": recipe.model.name,
        "classes": job.classes,
        "size": recipe.data.size,
        "batch_size": recipe.data.batch_size,
        "device": recipe.device,
        "precision": recipe.precision,
        "compile": recipe.compile,
        "optim": f"{optim.kind} momentum {optim.momentum:g}, decay {optim.weight_decay:g} of "
        f"{optim.decay_rule}, learning rate {optim.lr:g}",
        "threads": job.threads,
        "steps": window.steps,
        "timed": window.timed,
        "scripts": {script.name: script.identity() for script in scripts},
        **machine.provenance(),
    }
