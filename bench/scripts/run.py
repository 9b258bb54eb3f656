"""`fasttricks bench --train --scripts` as a whole: prepare, run in turn, show and save."""

from __future__ import annotations

import datetime
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import PictureFiles, open_files
from fasttricks.bench.progress import Teller
from fasttricks.bench.scripts import commands
from fasttricks.bench.scripts.measure import OURS, measure, results
from fasttricks.bench.scripts.pictures import CLASSES, lay_out
from fasttricks.bench.scripts.plain import Window, check_plain, model_names, plain, window_of
from fasttricks.bench.scripts.script import Script, find_scripts
from fasttricks.bench.scripts.show import show
from fasttricks.bench.scripts.steps import steps_ours, steps_timm, steps_torchvision
from fasttricks.bench.scripts.watch import Trainer
from fasttricks.bench.train.measure import FEWEST_ROUNDS
from fasttricks.bench.train.run import recipe_of
from fasttricks.cpus import available_cpus
from fasttricks.errors import DataError, FasttricksError, UnknownNameError
from fasttricks.pipelines.registry import pipelines
from fasttricks.train.config import Recipe
from fasttricks.train.overrides import with_settings
from fasttricks.versions import versions

DEFAULT_PIPELINE = "roi"
ELSEWHERE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS", "PYTHONSAFEPATH")
"""What would make a script one of several processes, or keep it from what lies beside it."""


def run_scripts(config: BenchConfig) -> int:
    """Measure as `config` says; table on stdout, progress on stderr.

    Returns:
        0.

    Raises:
        FasttricksError: data cannot be used, or a trainer failed; its last words are told.
        ValueError: settings do not fit together, or a script cannot do the same.
    """
    scripts = find_scripts(config.scripts)
    recipe = equal_recipe(config)
    threads = recipe.data.threads or available_cpus()
    window = window_of(recipe, threads)
    files = open_files(replace(config, batch_size=1))
    if files.is_pack:
        raise DataError(f"{files.label} is a pack; the scripts read folders of pictures")
    count = window.steps * recipe.data.batch_size
    data = lay_out(files.paths, files.key, count)
    job = commands.Job(recipe=recipe, data=data, classes=CLASSES, threads=threads)
    rows = compare(config, job, scripts, window, files, max(FEWEST_ROUNDS, config.rounds))
    show(rows, Console())
    if config.json:
        report.write(config.json, rows)
    return 0


def compare(
    config: BenchConfig,
    job: commands.Job,
    scripts: Sequence[Script],
    window: Window,
    files: PictureFiles,
    rounds: int,
) -> list[report.ResultRow]:
    """Run all in turn; the rows of the results."""
    trainers = trainers_of(config, job, scripts)
    env = environment()
    with Teller() as teller:
        teller.expect(rounds * len(trainers))

        def tell(text: str) -> None:
            teller.doing(text)
            teller.step()

        readings = measure(trainers, window, env, rounds=rounds, tell=tell)
    about = _about(config, job, scripts, window) | {
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


def equal_recipe(config: BenchConfig) -> Recipe:
    """The plain training that the command line describes.

    Raises:
        ValueError: it asks for more than the scripts have.
    """
    base = plain(recipe_of(replace(config, settings=())))
    recipe = with_settings(base, config.settings)
    check_plain(recipe, base)
    return recipe


def trainers_of(config: BenchConfig, job: commands.Job, scripts: Sequence[Script]) -> list[Trainer]:
    """Ours with each pipeline, then the scripts."""
    named = model_names(job.recipe.model.name, [script.name for script in scripts])
    ours = [
        Trainer(
            row=f"{OURS} {name}",
            command=partial(commands.ours, job, name),
            steps=steps_ours,
            log=f"{commands.RUN}/log.jsonl",
        )
        for name in _pipelines(config.pipeline_names)
    ]
    theirs = []
    for script in scripts:
        command, steps = {
            "torchvision": (commands.torchvision, steps_torchvision),
            "timm": (commands.timm, steps_timm),
        }[script.name]
        made = partial(command, job, script, named[script.name])
        made(Path())  # finds now what the script cannot do
        theirs.append(Trainer(row=script.name, command=made, steps=steps))
    return [*ours, *theirs]


def _pipelines(names: Sequence[str]) -> list[str]:
    """Those to measure: one where all were meant, as each costs a training in every round.

    Raises:
        UnknownNameError: one does not exist.
        FasttricksError: one cannot be used here.
    """
    if "all" in names:
        return [DEFAULT_PIPELINE]
    known = pipelines()
    for name in names:
        if name not in known:
            raise UnknownNameError("pipeline", name, list(known))
        if not known[name].available:
            raise FasttricksError(f"{name}: {known[name].reason}")
    return list(names)


def environment() -> dict[str, str]:
    """What all of them are started with.

    `fasttricks train` has OpenMP's threads sleep while they wait, as others on these cores have
    work to do. That is one variable and no part of a trainer, so all have it.
    """
    env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    env.setdefault("OMP_NUM_THREADS", str(available_cpus()))
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return env | {"PYTHONUNBUFFERED": "1"}


def _about(
    config: BenchConfig, job: commands.Job, scripts: Sequence[Script], window: Window
) -> dict[str, object]:
    recipe, optim = job.recipe, job.recipe.optim
    return {
        "mode": "scripts",
        "recipe": config.recipe_name,
        "settings": list(config.settings),
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
        "machine": machine.machine(),
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "command": machine.command_line(),
    }
