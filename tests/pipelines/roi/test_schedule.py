import threading
from concurrent.futures import ThreadPoolExecutor, wait
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fasttricks.kernels.mix.description import plain
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.pipelines.finishing import Planned
from fasttricks.pipelines.groups import groups_of
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.roi.schedule import (
    LEAST,
    MOST,
    PIECE_BYTES,
    Chunk,
    PendingBatch,
    Schedule,
    piece_size,
)


def sizes(count, threads, mean_bytes=1000, alone=False):
    left, found = count, []
    while left:
        found.append(piece_size(count, left, threads, mean_bytes, alone))
        left -= found[-1]
    return found


def test_pieces_are_a_whole_batch():
    for count in (1, 3, 4, 5, 31, 64, 256, 257):
        for threads in (1, 2, 7, 64):
            for alone in (False, True):
                assert sum(sizes(count, threads, alone=alone)) == count
                assert max(sizes(count, threads, alone=alone)) <= MOST


def test_all_threads_have_some_and_large_pictures_come_few_at_a_time():
    assert sizes(64, 2) == [32, 32]
    assert sizes(256, 2) == [64] * 4
    assert len(sizes(64, 16)) == 16
    assert max(sizes(256, 2, mean_bytes=PIECE_BYTES // 7)) == 7
    assert set(sizes(256, 2, mean_bytes=100 * PIECE_BYTES)) == {LEAST}


def test_without_a_next_batch_the_last_pieces_are_small():
    found = sizes(256, 2, alone=True)
    assert found == sorted(found, reverse=True)
    assert found[-1] <= LEAST < found[0]


def piece_of(samples):
    return SimpleNamespace(shown=np.array(samples), bytes=5 * len(samples))


def test_rows_are_view_major():
    pending = PendingBatch(np.arange(10), views=3, blocks=2)
    assert pending.slots(4, 2).tolist() == [4, 5, 14, 15, 24, 25]


def test_a_batch_is_finished_by_its_last_piece():
    pending = PendingBatch(np.arange(5), views=1, blocks=2)
    assert not pending.add(3, np.array([7, 8]), {0: "b"}, {"odd": 1})
    assert pending.add(0, np.array([4, 5, 6]), {1: "a"}, {"odd": 2, "stale": 1})
    assert not pending.done()
    pending.finish()
    assert pending.done()
    assert pending.shown.tolist() == [4, 5, 6, 7, 8]
    assert pending.replaced == ["a", "b"]
    assert pending.counts == {"odd": 3, "stale": 1}


def schedule(batches, read=None, blocks=2, memory=None, span=0, threads=2):
    """One whose pictures are one number: that of the sample."""
    memory, mixing = memory or Recycler(4), Mixing(plain(np.arange(len(batches[0]))), None, None)
    readers = ThreadPoolExecutor(2)
    nothing = np.zeros(0)

    def usual(pending, first, count):
        found = piece_of(pending.samples[first : first + count])
        return Chunk(pending, first, found, Planned(nothing), nothing, nothing)

    def claim(pending):
        return memory.empty((len(pending.samples), 1), torch.float32, pending.claim)

    made = Schedule(
        batches,
        threads,
        readers,
        begin=lambda step: PendingBatch(batches[step], 1, blocks, mixing if span else None, span),
        read=read or usual,
        claim=claim,
        hurry=memory.hurry,
    )
    return made, memory


def work(made):
    while piece(made):
        pass


def piece(made):
    chunk = made.take()
    if chunk is None:
        return False
    pending = chunk.pending
    shown = chunk.piece.shown
    pending.images[pending.slots(chunk.first, len(shown))] = torch.from_numpy(
        shown[:, None]
    ).float()
    if pending.add(chunk.first, shown, {}, {}):
        pending.finish()
    return True


@pytest.mark.parametrize("threads", [1, 16])
@pytest.mark.parametrize("span", [1, 5, 32, 64])
def test_a_piece_is_a_whole_group_whatever_threads_and_sizes(span, threads, monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.roi.schedule.PIECE_BYTES", 1)  # of large pictures
    made, _ = schedule([np.arange(150)], span=span, threads=threads)
    pieces = []
    while (chunk := made.take()) is not None:
        pieces.append(slice(chunk.first, chunk.first + len(chunk.piece.shown)))
    assert pieces == [group.samples for group in groups_of(150, 1, span)]


@pytest.mark.parametrize(("count", "span", "ends"), [(140, 65, 65), (250, 80, 80)])
def test_no_piece_is_in_two_groups(count, span, ends):
    made, _ = schedule([np.arange(count)], span=span)
    first = 0
    while (chunk := made.take()) is not None:
        assert chunk.first == first
        first += len(chunk.piece.shown)
        assert (first - 1) // ends == chunk.first // ends
        assert chunk.pending.group(chunk.first).samples.start == chunk.first // ends * ends
    assert first == count


def test_threads_make_every_batch_in_order():
    batches = list(np.arange(400).reshape(10, 40))
    made, _ = schedule(batches)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(work, made)
        for step, samples in enumerate(batches):
            assert made.result(step).images.flatten().tolist() == samples.tolist()


@pytest.mark.parametrize("blocks", [2, 3])
def test_no_more_memory_than_blocks_while_the_caller_has_one_batch(blocks):
    batches = list(np.arange(400).reshape(10, 40))
    made, memory = schedule(batches, blocks=blocks)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(work, made)
        for step in range(10):
            images = made.result(step).images
            assert images[0, 0] == batches[step][0]
    assert memory._made == blocks


def test_a_caller_who_keeps_everything_is_served_all_the_same():
    batches = list(np.arange(400).reshape(10, 40))
    made, memory = schedule(batches)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(work, made)
        kept = [made.result(step).images for step in range(10)]
    assert torch.cat(kept).flatten().tolist() == list(range(400))
    assert memory._made == 4


def test_leaving_early_wakes_up_who_waits_for_memory():
    made, _ = schedule(list(np.arange(400).reshape(10, 40)))
    with ThreadPoolExecutor(3) as pool:
        parts = [pool.submit(work, made) for _ in range(3)]
        kept = made.result(0).images, made.result(1).images
        made.stop()
        assert not wait(parts, timeout=20).not_done
        made.close()
    assert len(kept) == 2


def test_an_error_comes_with_its_batch_and_not_before():
    def read(pending, first, count):
        if 50 in pending.samples[first : first + count]:
            raise OSError("the disk is gone")
        found = piece_of(pending.samples[first : first + count])
        return Chunk(pending, first, found, *[np.zeros(0)] * 3)

    made, _ = schedule(list(np.arange(400).reshape(10, 40)), read)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(work, made)
        assert made.result(0).images[39] == 39
        with pytest.raises(OSError, match="the disk is gone"):
            made.result(1)


def test_a_fault_in_a_thread_reaches_the_caller_wherever_he_waits():
    made, _ = schedule(list(np.arange(400).reshape(10, 40)))
    late = threading.Timer(0.05, made.stop, [ZeroDivisionError("a bug")])
    late.start()
    for step in (0, 7):
        with pytest.raises(ZeroDivisionError, match="a bug"):
            made.result(step)
