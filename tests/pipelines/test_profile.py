import numpy as np
import pytest
import torch

from fasttricks import CutMix, Samples, make_loader
from fasttricks.errors import DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan import plan_batch
from fasttricks.kernels.policy import AutoAugment
from fasttricks.pipelines import profile
from fasttricks.pipelines.profile import from_pixels, measure
from tests.pictures import jpeg, smooth_picture
from tests.pipelines.agreement import damaged_jpeg
from tests.pipelines.conftest import require
from tests.pipelines.echo import echo

PICTURES = [smooth_picture(40 + 9 * i, 70 - 8 * i, i) for i in range(4)]
LITERAL = Augment(color="hsv-literal", policy=AutoAugment())


def measured(indices, work="full", **options):
    """(what `measure` gives, [(index, plan)] of everything that it had decoded)."""
    loader = echo(batch_size=1, size=17, seed=5, work=work, **options)
    decoded = []

    def opened(index, clock):
        with clock("read"):
            there = from_pixels(index, PICTURES[index])

        def decode(plan, clock):
            with clock("decode"):
                decoded.append((index, plan.copy()))
                return there.decode(plan, clock)

        return there._replace(decode=decode)

    job = loader._job(0, [np.array([index]) for index in indices])
    return measure(job, opened, loader.options.finished_dtype), decoded


@pytest.mark.parametrize("work", ["decode", "full"])
def test_the_parts_of_reading_and_decoding_and_those_that_follow(work):
    parts, _ = measured([2, 0], work=work)
    finish = [] if work == "decode" else ["finish"]
    assert list(parts) == ["read", "decode", "resize", *finish]
    assert all(milliseconds > 0 for milliseconds in parts.values())


def test_each_view_is_decoded_by_its_own_plan_twice_of_which_once_to_warm_up():
    _, decoded = measured([3, 1, 2], views=2)
    assert [index for index, _ in decoded] == [3, 3, 1, 1, 2, 2] * 2
    params = echo(batch_size=1, size=17).options.params_at(0)
    for number, (index, plan) in enumerate(decoded):
        height, width, _ = PICTURES[index].shape
        plans, _ = plan_batch(5, 0, [index], [number % 2], [height], [width], params)
        assert plan == plans[0]


def test_nothing_good_takes_no_time():
    assert measured([])[0] == {}


@pytest.fixture
def done(monkeypatch):
    """What is done to pictures after resizing: (what, to how many at once), in order."""
    calls = []

    def noting(name, real):
        def note(*given, **options):
            calls.append((name, next(len(a) for a in given if isinstance(a, torch.Tensor))))
            return real(*given, **options)

        return note

    for name in ("apply_ops_batch", "finish", "finish_rows"):
        monkeypatch.setattr(profile, name, noting(name, getattr(profile, name)))
    return calls


@pytest.mark.parametrize("name", ["roi", "resident"])
def test_policies_views_and_mixing_are_in_the_split(name, done):
    require(name)
    samples = Samples([jpeg(60, 50, seed=i) for i in range(8)], np.arange(8))
    options = {"batch_size": 4, "size": 17, "num_threads": 1, "index": False}
    with make_loader(name, samples, augment=LITERAL, **options) as loader:
        assert "finish" in loader.stages(3)
    assert done == [("apply_ops_batch", 1), ("finish", 1)] * 6  # one by one, twice
    done.clear()
    with make_loader(name, samples, views=2, mix=CutMix(), mix_group=4, **options) as loader:
        loader.stages(3)
    assert done == [("finish_rows", 8)] * 2  # a whole step, twice


@pytest.mark.parametrize("kind", [{}, {"progressive": True}])
def test_what_our_decoder_takes_is_not_cut(kind):
    require("roi")
    samples = Samples([jpeg(60, 80, seed=i, **kind) for i in range(3)])
    with make_loader("roi", samples, batch_size=3, size=17, num_threads=1) as loader:
        assert ("slice" in loader.stages(3)) is bool(kind)


@pytest.mark.parametrize("name", ["roi", "ffcv", "torchvision", "resident"])
def test_what_a_decoder_warns_of_is_measured_with_pils_pixels(name, open_loader):
    require("roi")
    decode = pytest.importorskip("fasttricks.pipelines.decode.turbojpeg").decode
    rotten = damaged_jpeg(decode)
    with pytest.raises(DataError):
        decode(rotten, 60, 80)
    with open_loader(name, Samples([rotten, jpeg(60, 80)]), batch_size=2) as loader:
        ((images, _),) = loader
        assert torch.isfinite(images).all()
        assert loader.stages(2)["resize"] > 0
