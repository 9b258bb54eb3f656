import itertools
import threading
import time

import numpy as np
import pytest
import torch

from fasttricks.pipelines.loader import Batch
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.resident.schedule import Schedule, Shared

NONE = None  # what stands for a thread's memory here


class Work:
    """Batches of `rows` rows, each of them a number that threads write."""

    def __init__(self, count, rows, threads, fail_at=None, break_at=None):
        self.memory = Recycler(4)
        self.rows, self.fail_at, self.break_at = rows, fail_at, break_at
        self.schedule = Schedule(count, 3, self.begin, self.memory.hurry)
        self.begun = []
        self.threads = [
            threading.Thread(target=self.schedule.work, args=(NONE,)) for _ in range(threads)
        ]
        for thread in self.threads:
            thread.start()

    def begin(self, step, pending):
        if step == self.fail_at:
            raise ValueError("bad sample")
        images = self.memory.empty((self.rows,), torch.int64, pending.claim)
        self.begun.append(step)
        images.zero_()
        pending.batch = Batch(images=images, indices=np.arange(self.rows))
        numbers, taken = images.numpy(), itertools.count()

        def make(_):
            made = 0
            while (row := next(taken)) < self.rows:
                if step == self.break_at:
                    raise MemoryError("broken")
                numbers[row] += 1
                made += 1
                if row % 3 == 0:
                    time.sleep(0.0002)
            return made

        return Shared(pending, self.rows, make)

    def end(self):
        self.schedule.stop()
        for thread in self.threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("keep", [False, True])
def test_all_rows_of_all_batches_once(threads, keep):
    work, kept = Work(20, 7, threads), []
    for step in range(20):
        images = work.schedule.result(step).images
        assert images.tolist() == [1] * 7
        kept += [images] if keep else []
    work.end()
    assert work.begun == list(range(20))
    assert all(images.tolist() == [1] * 7 for images in kept)


def test_no_more_are_begun_than_there_is_memory_for():
    work = Work(20, 7, 2)
    first = work.schedule.result(0)
    time.sleep(0.2)
    assert work.begun == [0, 1, 2]
    del first
    time.sleep(0.2)
    assert work.begun == [0, 1, 2, 3]
    work.end()


def test_what_cannot_begin_is_raised_in_its_turn():
    work = Work(20, 7, 3, fail_at=4)
    for step in range(4):
        assert work.schedule.result(step).images.tolist() == [1] * 7
    with pytest.raises(ValueError, match="bad sample"):
        work.schedule.result(4)
    work.end()


def test_what_breaks_keeps_nobody_waiting():
    work = Work(20, 7, 3, break_at=2)
    with pytest.raises(MemoryError, match="broken"):
        [work.schedule.result(step) for step in range(20)]
    with pytest.raises(MemoryError):
        work.schedule.result(19)
    work.end()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_stopping_early_ends_the_threads(taken):
    work = Work(1000, 7, 3)
    for step in range(taken):
        work.schedule.result(step)
    work.end()
    assert len(work.begun) < 1000


def test_nothing_to_do():
    Work(0, 7, 2).end()
