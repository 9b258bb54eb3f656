"""Batches come as the step wants them, and stay as long as it reads them."""

import weakref
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from fasttricks.train import prefetch as feed_module
from fasttricks.train.data import train_loader
from fasttricks.train.distributed import World
from fasttricks.train.prefetch import Prefetcher
from tests.train import tiny

CPU = World(device=torch.device("cpu"), threads=1)


@pytest.mark.parametrize("views", [1, 2])
def test_a_feed_begins_where_the_loader_stands_and_names_its_samples(
    picture_folder, tmp_path, views
):
    recipe = tiny.recipe(picture_folder, tmp_path, data={"views": views})
    with train_loader(recipe, CPU) as loader:
        consumed = 2 * loader.options.global_batch
        loader.load_state_dict({**loader.state_dict(), "epoch": 1, "consumed": consumed})
        feed = Prefetcher(loader, 1, 2, indices=True)
        batches = list(feed.take(2))
        for number, batch in enumerate(batches, start=2):
            samples = torch.from_numpy(loader.indices(1, number)).repeat(views)
            assert torch.equal(batch.indices, samples)
            labels = torch.from_numpy(loader.dataset.targets)[samples]
            assert torch.equal(batch.targets, labels)
            assert len(batch.images) == 8
        assert feed.waited() > 0
        assert feed.waited() == 0
        feed.close()
        assert Prefetcher(loader, 1, 0)._indices is False


class Event:
    """Of a GPU: past when it is said to be."""

    past = False

    def query(self):
        return self.past

    def synchronize(self):
        self.past = True


class Stream:
    """Of a GPU: what is recorded stays in the future."""

    device = torch.device("cuda", 0)

    def record_event(self, event):
        return event

    def wait_event(self, event):
        pass

    def synchronize(self):
        pass


@pytest.fixture
def on_a_gpu(monkeypatch):
    """A feed of ten batches on a GPU that is late; and all events it makes."""
    events = []

    def event():
        events.append(Event())
        return events[-1]

    def batches():
        for number in range(10):
            yield torch.full((2, 3, 4, 4), float(number)), torch.zeros(2)

    class Batches:
        options = SimpleNamespace(device=Stream.device, views=1)

        def __iter__(self):
            return batches()

    monkeypatch.setattr(feed_module, "_stream", lambda device: Stream())
    monkeypatch.setattr(feed_module, "_event", event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    return Prefetcher(Batches(), 0, 0), events


def test_a_batch_is_kept_until_the_gpu_has_done_its_step(on_a_gpu):
    """Nobody else may get its memory before: it belongs to another stream."""
    feed, events = on_a_gpu

    def taken():
        return weakref.ref(next(feed.take(1)).images)

    first, second = taken(), taken()
    assert first() is not None
    third = taken()
    assert second() is not None
    events[2].past = True  # where the second step begins, the first one ends
    fourth = taken()
    assert first() is None
    assert second() is not None
    assert third() is not None
    feed.close()
    assert second() is third() is fourth() is None


def test_no_more_than_a_few_steps_are_queued(on_a_gpu, monkeypatch):
    monkeypatch.setattr(feed_module, "AHEAD", 2)
    feed, _ = on_a_gpu
    taken = [weakref.ref(batch.images) for batch in feed.take(9)]
    assert [images() is None for images in taken] == [True] * 6 + [False] * 3
