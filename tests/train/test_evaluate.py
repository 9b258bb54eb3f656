"""Every sample counts once, whatever the batches, the processes and the logits are."""

import functools
import itertools
import math
import multiprocessing as mp
import os

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from fasttricks import Samples, make_loader
from fasttricks.train import evaluate as evaluation
from fasttricks.train.evaluate import counted_once, throughput
from tests.pictures import jpeg

evaluate = functools.partial(evaluation.evaluate, size=6)


class Lookup(nn.Module):
    """Logits that the test chose: a picture's first value is its row number."""

    def __init__(self, logits):
        super().__init__()
        self.register_buffer("logits", logits)
        self.seen = []

    def forward(self, images):
        self.seen.append((self.training, images.dtype, torch.is_grad_enabled()))
        return self.logits[images[:, 0, 0, 0].round().long()]


def made(n, k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, k, generator=generator)
    return logits, torch.randint(0, k, (n,), generator=generator)


def batches(n, labels, sizes, rows=None):
    rows = torch.arange(n) if rows is None else rows
    for part in rows.split(sizes):
        images = part.float()[:, None, None, None].expand(-1, 3, 4, 6).contiguous()
        yield images, labels[part]


def plain(logits, labels):
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    top1, top5 = (ranks < 1).double().mean().item(), (ranks < 5).double().mean().item()
    return top1, top5, F.cross_entropy(logits.double(), labels).item()


@pytest.mark.parametrize(("n", "k"), [(37, 11), (1, 6), (20, 3)])
def test_metrics_are_the_plain_ones(n, k):
    logits, labels = made(n, k)
    sizes = [7] * (n // 7) + [n % 7]
    found = evaluate(Lookup(logits), batches(n, labels, sizes))
    top1, top5, loss = plain(logits, labels)
    assert (found.top1, found.top5) == (pytest.approx(top1), pytest.approx(top5))
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert (found.count, found.size) == (n, 6)
    assert f"on {n} pictures at 6 px" in str(found)


def test_few_classes_are_all_among_the_first_five():
    logits, labels = made(20, 3)
    assert evaluate(Lookup(logits), batches(20, labels, [20])).top5 == 1.0


@pytest.mark.parametrize(("k", "told"), [(2, False), (5, False), (6, True)])
def test_top5_is_told_where_it_says_something(k, told):
    logits, labels = made(12, k)
    found = evaluate(Lookup(logits), batches(12, labels, 5))
    assert found.classes == k
    assert ("top-5" in str(found)) == told


def test_the_model_is_in_evaluation_mode_and_put_back():
    logits, labels = made(8, 4)
    model = Lookup(logits).train()
    evaluate(model, batches(8, labels, [8]))
    assert model.training
    assert model.seen == [(False, torch.float32, False)]


def test_flip_averages_logits_of_both_pictures():
    class FirstColumn(nn.Module):
        def forward(self, images):
            return images[:, 0, 0, :2] * 10

    images = torch.zeros(1, 3, 1, 2)
    images[0, 0, 0] = torch.tensor([1.0, 0.2])
    labels = torch.tensor([0])
    alone = evaluate(FirstColumn(), [(images, labels)])
    both = evaluate(FirstColumn(), [(images, labels)], flip=True)
    assert alone.loss == pytest.approx(F.cross_entropy(torch.tensor([[10.0, 2.0]]), labels).item())
    assert both.loss == pytest.approx(math.log(2))


def test_nan_logits_are_never_right():
    logits = torch.full((4, 6), float("nan"))
    found = evaluate(Lookup(logits), batches(4, torch.zeros(4, dtype=torch.long), [4]))
    assert (found.top1, found.top5) == (0, 0)
    assert math.isnan(found.loss)


def test_a_class_may_be_ruled_out():
    logits = torch.tensor([[2.0, -torch.inf, 1.0], [-torch.inf, 0.0, 1.0]])
    found = evaluate(Lookup(logits), batches(2, torch.tensor([0, 2]), [2]))
    assert found.top1 == 1
    assert math.isfinite(found.loss)


def test_the_first_batch_is_not_in_the_rate(monkeypatch):
    """It takes 100 s here, as if everything were compiled in it; the two after it 2 s."""
    logits, labels = made(12, 4)
    clock = [0.0]
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: clock[0])

    def slow():
        for took, batch in zip((100, 1, 1), batches(12, labels, [4, 4, 4]), strict=True):
            clock[0] += took
            yield batch

    found = evaluate(Lookup(logits), slow())
    assert (found.seconds, found.images_per_s) == (102, 8 / 2)
    clock[0] = 0.0
    alone = evaluate(Lookup(logits), itertools.islice(slow(), 1))
    assert (alone.seconds, alone.images_per_s) == (100, 4 / 100)


def test_labels_of_another_numbering_are_translated():
    logits, labels = made(12, 4)
    theirs = torch.tensor([2, 0, 3, 1])
    there = torch.argsort(theirs)[labels]  # what the classes are called where they are numbered so
    found = evaluate(Lookup(logits), batches(12, there, [5, 7]), relabel=theirs)
    assert found.top1 == pytest.approx(plain(logits, labels)[0])


def test_empty_batches_are_skipped():
    logits, labels = made(5, 4)
    empty = torch.zeros(0, 3, 4, 6), torch.zeros(0, dtype=torch.long)
    model = Lookup(logits)
    assert evaluate(model, [*batches(5, labels, [5]), empty]).count == 5
    assert len(model.seen) == 1


def test_nothing_at_all_is_an_error():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(nn.Linear(1, 1), [])
    with pytest.raises(ValueError, match=r"precision must be one of .*'half'"):
        evaluate(nn.Linear(1, 1), [], dtype="half")


def test_half_precision_runs_under_autocast():
    seen = []

    class Net(nn.Linear):
        def forward(self, images):
            out = super().forward(images.flatten(1))
            seen.append(out.dtype)
            return out

    images = torch.rand(4, 3, 2, 2)
    evaluate(Net(12, 5), [(images, torch.zeros(4, dtype=torch.long))], dtype="bfloat16")
    assert seen == [torch.bfloat16]


def _rank(rank, world, alone, port, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=world)
    logits, labels = made(11, 5)
    rows = torch.arange(11)[rank::world]
    if alone:  # the other has no sample at all
        rows = torch.arange(11) if rank == 0 else rows[:0]
    found = evaluate(Lookup(logits), batches(11, labels, 3, rows) if len(rows) else [])
    results.put((found.top1, found.loss, found.count, found.size))
    dist.destroy_process_group()


@pytest.mark.parametrize("alone", [False, True])
def test_processes_count_together(free_port, alone):
    context = mp.get_context("spawn")
    results = context.Queue()
    logits, labels = made(11, 5)
    ranks = [
        context.Process(target=_rank, args=(r, 2, alone, free_port, results)) for r in range(2)
    ]
    for rank in ranks:
        rank.start()
    found = [results.get(timeout=120) for _ in ranks]
    for rank in ranks:
        rank.join()
    top1, _, loss = plain(logits, labels)
    for one in found:
        assert one == (pytest.approx(top1), pytest.approx(loss, rel=1e-5), 11, 6)


def test_throughput_is_of_the_model_alone():
    model = nn.Conv2d(3, 2, 3).train()
    assert throughput(nn.Sequential(model, nn.Flatten()), 8, batch_size=2, seconds=0.05) > 0
    assert model.training


@pytest.mark.parametrize("pipeline", ["roi", "resident", "torchvision"])
def test_what_stands_in_for_a_bad_picture_is_not_counted(pipeline):
    pictures = [jpeg(40, 50, seed=n) for n in range(7)]
    pictures[1] = pictures[4] = b"no picture"
    samples = Samples(pictures, np.arange(7))
    options = {"batch_size": 3, "train": False, "size": 16, "on_error": "replace"}
    with make_loader(pipeline, samples, num_threads=1, **options) as loader:
        for _ in range(2):  # errors of an earlier pass are none of this one
            batches = list(counted_once(loader))
            assert [labels.tolist() for _, labels in batches] == [[0, 2], [3, 5], [6]]
            assert all(
                images.is_contiguous(memory_format=torch.channels_last)
                and len(images) == len(labels)
                for images, labels in batches
            )
        twice = [label for _, labels in loader for label in labels.tolist()]
    assert twice == [0, 2, 2, 3, 5, 5, 6]  # what a loader does by itself
