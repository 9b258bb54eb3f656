"""The DALI graph: which pixels it decodes, what it computes, how long it holds on to its input."""

import numpy as np
import pytest
import torch

from fasttricks import Augment
from fasttricks.data import Samples
from fasttricks.kernels import reference
from fasttricks.pipelines.job import Job
from fasttricks.pipelines.options import Options
from tests.pictures import jpeg
from tests.pipelines.test_contract import expected_picture, plan_of

pytest.importorskip("nvidia.dali", reason="needs fasttricks[dali]")

from fasttricks.pipelines.dali.graph import (
    DEPTH,
    Graph,
    GraphError,
    Region,
    Source,
    Spec,
    build,
    regions,
)
from fasttricks.pipelines.dali.loader import DaliLoader

SHAPES = [(1, 1), (1, 90), (90, 1), (3, 2), (33, 47), (61, 400), (400, 61), (301, 299), (50, 50)]
ROUNDED = 0.5 + 0.02  # rounded to the nearest, from DALI's float32
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shapes():
    return Samples([jpeg(h, w, seed=h + w) for h, w in SHAPES])


def open_dali(samples, **options):
    defaults = {"batch_size": 9, "size": 33, "num_threads": 2, "seed": 7, "work": "decode"}
    return DaliLoader(samples, Options(**{**defaults, "drop_last": False, **options}))


def errors(loader, samples, epoch):
    """The largest error of each picture of an epoch."""
    loader.set_epoch(epoch)
    for step, (images, _) in enumerate(loader):
        for image, index in zip(images, loader.indices(epoch, step), strict=True):
            want = expected_picture(loader, samples, epoch, int(index))
            yield np.abs(image.permute(1, 2, 0).numpy() - want).max()


@pytest.mark.parametrize("size", [1, 8, 33, 120])
@pytest.mark.parametrize("train", [True, False])
def test_every_shape_is_the_references_but_for_rounding(shapes, train, size):
    """DALI rounds to the nearest, so the bound is half of what the contract allows."""
    with open_dali(shapes, train=train, size=size, batch_size=4) as loader:
        for epoch in range(3 if train else 1):
            assert max(errors(loader, shapes, epoch)) <= ROUNDED


@pytest.mark.parametrize(("interpolation", "radius"), [("bilinear", 1), ("bicubic", 2)])
def test_evaluation_decodes_what_the_window_needs_and_no_more(shapes, interpolation, radius):
    with open_dali(shapes, train=False, augment=Augment(interpolation=interpolation)) as loader:
        _, plan, _ = plan_of(loader, shapes, 0, SHAPES.index((61, 400)))
    region = regions(np.array([plan]), 33)
    scale = 61 / 38  # 33 / 0.875 is 37.7
    # The window, and half a filter on both sides, if there is so much.
    needed = min(33 * scale + 2 * radius * scale, 61)
    for axis, side in enumerate((61, 400)):
        assert needed <= region.shape[0, axis] <= needed + 2
        assert abs(region.start[0, axis] + region.shape[0, axis] / 2 - side / 2) <= 2


def test_too_small_a_region_would_be_noticed(shapes, monkeypatch):
    def without_margin(plans, size):
        r = regions(plans, size)
        low = np.floor(np.minimum(r.begin, r.end)).astype(np.int32)
        high = np.ceil(np.maximum(r.begin, r.end)).astype(np.int32)
        shifted = [(x - low).astype(np.float32) for x in (r.begin, r.end)]
        return Region(r.start + low, np.minimum(high - low, r.shape - low), *shifted, r.size)

    monkeypatch.setattr("fasttricks.pipelines.dali.loader.regions", without_margin)
    with open_dali(shapes, train=False, size=8) as loader:
        assert max(errors(loader, shapes, 0)) > 3


@pytest.mark.parametrize("train", [True, False])
def test_no_more_than_the_region_is_decoded(shapes, train):
    spec = Spec(rows=9, num_threads=2, device=CPU, finish=None, decode_only=True)
    with open_dali(shapes, train=train) as loader:
        next(iter(loader))
        feed = loader._feed(job_of(loader), loader.indices(0, 0))
    ((_, decoded),) = Graph(spec).run(iter([feed]))
    assert decoded[:, :2].tolist() == feed.region.shape.tolist()


def job_of(loader):
    params = loader.options.params_at(0)
    return Job(seed=7, epoch=0, params=params, batches=[loader.indices(0, 0)])


def test_stages_add_up_over_the_pictures(shapes):
    with open_dali(shapes, work="full", views=2) as loader:
        stages = loader.stages(9)
    assert list(stages) == ["read", "decode", "resize", "finish"]
    assert min(stages["read"], stages["decode"], stages["finish"]) > 0
    assert sum(stages.values()) < 100


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_colour_in_the_graph_is_the_references(shapes, dtype):
    """What the graph does on a GPU, done on the CPU, against the reference on the same pixels."""
    with open_dali(shapes) as loader:
        pixels = next(iter(loader))[0].permute(0, 2, 3, 1).numpy()
    with open_dali(shapes, work="full") as loader:
        loader._spec = Spec(rows=9, num_threads=2, device=CPU, finish=dtype)
        images, _ = next(iter(loader))
        plans = [plan_of(loader, shapes, 0, int(i)) for i in loader.indices(0, 0)]
    matrices = np.stack([matrix for _, _, matrix in plans])
    unflipped = np.zeros(9)  # the pixels are mirrored already
    want = reference.finish(pixels, matrices, unflipped)
    assert images.dtype == dtype
    assert images.is_contiguous(memory_format=torch.channels_last)
    # Four terms, each rounded to float32 and summed in float32; then perhaps one rounding more.
    largest = 255 * np.abs(matrices[:, :, :3]).sum(2) + np.abs(matrices[:, :, 3])
    slack = 4 * 2.0**-24 * largest[:, :, None, None]
    if dtype == torch.float16:
        slack = slack + 2.0**-11 * np.abs(want) + 2.0**-25
    assert (np.abs(images.double().numpy() - want) <= slack).all()
    wrong = reference.finish(pixels, matrices[::-1], unflipped)
    assert not (np.abs(wrong - want) <= slack).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, None])
def test_dali_accepts_the_cuda_graph_and_keeps_it_on_the_gpu(dtype, monkeypatch):
    """Its definition only, which needs no GPU."""
    ends = []
    monkeypatch.setattr("nvidia.dali.Pipeline.set_outputs", lambda _, *nodes: ends.extend(nodes))
    spec = Spec(rows=4, num_threads=2, device=torch.device("cuda", 0), finish=dtype)
    build(spec, Source(spec.inputs))
    assert [node.device for node in ends] == ["gpu"]


def test_inputs_live_until_their_pictures_are_there(shapes):
    with open_dali(shapes, batch_size=1) as loader:
        batches = iter(loader)
        for step in range(5):
            next(batches)
            held = [feed.indices.tolist() for feed in loader._graph._source.in_flight]
            assert held == [loader.indices(0, step + ahead).tolist() for ahead in (1, 2)][:DEPTH]


def test_the_cause_is_dalis_own_words():
    message = (
        "Critical error in pipeline:\nError in CPU operator `image_slice`,\nwhich was used\n\n"
        '  File "x.py", line 14\n\nencountered:\n\nFailed to decode sample #1 : \n'
        "Current pipeline object is no longer valid."
    )
    assert GraphError(message, []).cause == "Failed to decode sample #1"
    assert GraphError("something else\nhappened", []).cause == "something else happened"
