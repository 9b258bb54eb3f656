"""`fasttricks bench --train` as a whole: build, measure, show and save."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import torch

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig, expand
from fasttricks.bench.files import open_files
from fasttricks.bench.progress import Teller
from fasttricks.bench.stats import FEWEST_ROUNDS
from fasttricks.bench.train.measure import entries_of, measure, results
from fasttricks.bench.train.show import show
from fasttricks.bench.train.subject import Subject
from fasttricks.errors import DataError, FasttricksError
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.registry import pipelines
from fasttricks.train.build import Build, build_model
from fasttricks.train.config import Recipe
from fasttricks.train.distributed import World, join
from fasttricks.train.overrides import with_settings
from fasttricks.train.recipes import RECIPES


def run_train(config: BenchConfig, build: Build = build_model) -> int:
    """Measure as `config` says; table on stdout, progress and what is left out on stderr.

    Returns:
        0.

    Raises:
        FasttricksError: data, or a pipeline that was named, cannot be used; or what was measured
            cannot be written.
        ValueError: settings do not fit together.
    """
    recipe = recipe_of(config)
    files = open_files(replace(config, batch_size=1))  # the trainer knows how many it needs
    recipe = replace(recipe, data=replace(recipe.data, path=str(files.root)))
    with join(recipe.device) as world, contextlib.ExitStack() as stack, Teller() as teller:
        if world.size > 1:
            raise ValueError("--train measures one process; start it without torchrun")
        subject, loaders = _opened(config, recipe, world, stack, teller, build)
        entries = entries_of(subject, loaders)
        rounds = max(FEWEST_ROUNDS, config.rounds)
        teller.expect(len(entries) * (rounds + 1))
        lengths = {"seconds": config.seconds, "warmup": config.warmup}
        measure(entries, rounds=rounds, **lengths, tell=teller.tell)
        about = _about(config, subject, next(iter(loaders.values()))) | {"data": files.label}
    shared = about["device"] == "cpu"
    rows = [row | about for row in results(entries, recipe.data.batch_size, shared_cores=shared)]
    report.finish(rows, config.json, show)
    return 0


def recipe_of(config: BenchConfig) -> Recipe:
    """The recipe with what the command line changes of it."""
    recipe = replace(RECIPES[config.recipe].make(), device=config.device)
    if config.thread_counts:
        recipe = replace(recipe, data=replace(recipe.data, threads=config.thread_counts[0]))
    return with_settings(recipe, config.settings)


def _opened(
    config: BenchConfig,
    recipe: Recipe,
    world: World,
    stack: contextlib.ExitStack,
    teller: Teller,
    build: Build,
) -> tuple[Subject, dict[str, Loader]]:
    """The trainer over the first pipeline that opens, and a loader for each."""
    subject: Subject | None = None
    loaders: dict[str, Loader] = {}
    installed = [name for name, its in pipelines().items() if its.available]
    for name in expand(config.pipeline_names, installed):
        teller.note(f"opening {name}")
        try:
            if subject is None:
                own = replace(recipe, data=replace(recipe.data, pipeline=name))
                subject = Subject(own, world, stack, build)
                loaders[name] = subject.training.loader
            else:
                loaders[name] = stack.enter_context(subject.loader(name))
        except (FasttricksError, ValueError) as error:
            if name in config.pipeline_names:
                raise
            teller.note(f"left out: {name}: {error}")
    if subject is None:
        raise DataError("nothing to measure: no pipeline can read these pictures")
    return subject, loaders


def _about(config: BenchConfig, subject: Subject, loader: Loader) -> dict[str, object]:
    recipe = subject.recipe
    return {
        "recipe": config.recipe,
        "settings": list(config.settings),
        "model": recipe.model.name,
        "device": subject.world.device.type,
        "precision": recipe.precision,
        "compile": recipe.compile,
        "cuda_graph": recipe.cuda_graph,
        "batch_size": recipe.data.batch_size,
        "accumulate": recipe.accumulate,
        "size": loader.options.size_at(0),
        "threads": loader.options.num_threads,
        "torch_threads": torch.get_num_threads(),
        "files": len(loader.dataset),
        "classes": subject.training.num_classes,
        "seconds": config.seconds,
        **machine.provenance(),
    }
