from __future__ import annotations

import inspect

import pytest

from fasttricks.bench.config import WORK, BenchConfig
from fasttricks.bench.variants import VARIANTS, Variant, does, options_of, pipeline_of
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.registry import REGISTRY, make_loader
from fasttricks.precision import PRECISIONS


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_pipelines_with_options_that_make_loader_takes(name: str) -> None:
    assert pipeline_of(name) in REGISTRY
    assert VARIANTS[name].options.keys() <= inspect.signature(make_loader).parameters.keys()
    assert VARIANTS[name].misfit(BenchConfig()) == ""
    assert does(name) == f", {VARIANTS[name].does}" != ", "
    assert does(pipeline_of(name)) == ""
    assert set(VARIANTS[name].work) <= set(WORK)
    assert set(VARIANTS[name].dtypes) <= set(PRECISIONS)


@pytest.mark.parametrize("batch_size", [1, 8, 64, 100])
def test_mixing_options_are_valid_for_every_batch(batch_size: int) -> None:
    options = options_of("roi:mixup", batch_size)
    valid = Options(batch_size=batch_size, **{**options, "mix": (options["mix"],)})
    assert valid.mix_group == (32 if batch_size == 64 else batch_size)
    assert options_of("roi", batch_size) == options_of("roi:other", batch_size) == {}
    assert "mix_group" not in VARIANTS["roi:mixup"].options


def test_misfits_say_what_fits() -> None:
    graph = VARIANTS["dali:graph"]
    assert graph.misfit(BenchConfig(work="decode")) == "is for --work normalise or full"
    assert "--dtype float32 or float16" in graph.misfit(BenchConfig(dtype="bfloat16"))
    assert VARIANTS["roi:mixup"].misfit(BenchConfig(eval=True)) == "is for training"
    assert VARIANTS["roi:autoaugment"].misfit(BenchConfig(work="normalise"))
    assert VARIANTS["roi:scaled"].misfit(BenchConfig(eval=True, work="decode")) == ""
    some = Variant(options={}, does="", dtypes=("float32",))
    assert some.misfit(BenchConfig(work="decode", dtype="float16")) == ""  # uint8 anyway
