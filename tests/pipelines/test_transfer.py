"""The order of things on a device that is as late as it may be.

Its streams do nothing until somebody waits for them. So whoever writes to a buffer too early, or
reads a batch too early, gets other numbers.
"""

import ctypes
import threading
from queue import Queue

import pytest
import torch

from fasttricks.pipelines.recycle import Claim, Recycler
from fasttricks.pipelines.transfer import Transfer


class Stream:
    """Work that is queued, and done when it must be."""

    def __init__(self):
        self.queue, self.done = [], 0

    def run(self, until=None):
        while self.done < (len(self.queue) if until is None else until):
            self.done += 1
            self.queue[self.done - 1]()

    def wait_event(self, event):
        stream, position = event.recorded
        self.queue.append(lambda: stream.run(position))


class Event:
    def __init__(self):
        self.recorded = None

    def record(self, stream):
        self.recorded = stream, len(stream.queue)

    def synchronize(self):
        if self.recorded:
            self.recorded[0].run(self.recorded[1])

    def query(self):
        return self.recorded is None or self.recorded[0].done >= self.recorded[1]


class Sent(torch.Tensor):
    """A tensor on the device: remembers which streams it was told about."""

    def record_stream(self, stream):
        self.streams = [*getattr(self, "streams", []), stream]


class LateDevice:
    event_type = Event

    def __init__(self):
        self.stream, self.callers = Stream(), Stream()
        self.made = 0

    def event(self):
        return self.event_type()

    def pinned(self, size):
        self.made += 1
        return torch.full((size,), 77, dtype=torch.uint8)

    def send(self, source):
        target = torch.full(source.shape, -1, dtype=source.dtype).as_subclass(Sent)
        self.stream.queue.append(lambda: target.copy_(source))
        return target

    def current(self):
        return self.callers


def batches(count=9):
    return [torch.arange(6, dtype=torch.float32).reshape(2, 3) + 10 * i for i in range(count)]


def seen(device, depth=2):
    """What the caller's kernels read when they get round to it, at the very end."""
    transfer, read = Transfer(torch.device("cpu"), depth, device), []
    for batch in batches():
        (there,) = transfer(batch.clone())
        device.callers.queue.append(lambda there=there: read.append(there.clone()))
    device.callers.run()
    return read


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_batch_arrives_before_it_is_read_and_as_it_was(depth):
    device = LateDevice()
    for got, want in zip(seen(device, depth), batches(), strict=True):
        assert torch.equal(got.as_subclass(torch.Tensor), want)
    assert device.made == depth  # buffers are used again


def as_given(device):
    pairs = zip(seen(device), batches(), strict=True)
    return all(torch.equal(got.as_subclass(torch.Tensor), want) for got, want in pairs)


def test_buffers_that_are_not_waited_for_would_be_noticed(monkeypatch):
    monkeypatch.setattr(Event, "synchronize", lambda self: None)
    assert not as_given(LateDevice())


def test_reading_too_early_would_be_noticed(monkeypatch):
    monkeypatch.setattr(Stream, "wait_event", lambda self, event: None)
    assert not as_given(LateDevice())


def test_the_callers_stream_is_told_what_it_uses():
    device = LateDevice()
    for tensor in Transfer(torch.device("cpu"), 2, device)(torch.ones(3), torch.zeros(2)):
        assert tensor.streams == [device.callers]


def test_what_is_pinned_already_is_sent_from_there_and_kept_until_it_has_gone(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda self: True)
    device = LateDevice()
    transfer = Transfer(torch.device("cpu"), 2, device)
    first = torch.ones(3)
    transfer(first)
    assert device.made == 0
    assert any(held is first for slot in transfer._slots for held in slot.held)
    transfer(torch.ones(4))
    assert any(held is first for slot in transfer._slots for held in slot.held)
    device.stream.run()
    transfer(torch.ones(5))
    assert not any(held is first for slot in transfer._slots for held in slot.held)


class Forgetful(LateDevice):
    """Reads from an address, as devices do: what is there nobody keeps for it."""

    def send(self, source):
        target = torch.full(source.shape, -1, dtype=source.dtype).as_subclass(Sent)
        places = target.data_ptr(), source.data_ptr(), source.nbytes
        self.stream.queue.append(lambda: (ctypes.memmove(*places), target))
        return target


def through_two_blocks(device, count=9):
    """Numbers that a thread writes to pinned blocks as fast as it gets them, seen on the device."""
    transfer, ready, read = Transfer(torch.device("cpu"), 2, device), Queue(), []
    memory = Recycler(2, settle=transfer.settle)

    def make():
        for number in range(count):
            ready.put(memory.empty((3,), torch.float32, Claim(2)).fill_(number))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    for _ in range(count):
        (there,) = transfer(ready.get(timeout=20))
        memory.wake()
        device.callers.queue.append(lambda there=there: read.append(float(there[1])))
    thread.join(20)
    device.callers.run()
    assert memory._made == 2
    return read


def test_two_pinned_blocks_are_enough_for_who_is_ahead_of_his_caller(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda self: True)
    assert through_two_blocks(Forgetful()) == list(range(9))
    monkeypatch.setattr(Event, "synchronize", lambda self: None)
    assert through_two_blocks(Forgetful()) != list(range(9))


def test_tensors_of_other_sizes_and_types():
    device = LateDevice()
    transfer = Transfer(torch.device("cpu"), 2, device)
    for count in (3, 7, 2, 0, 7):
        given = torch.arange(count).to(torch.int32), torch.rand(count, 2, 3)
        there = transfer(*given)
        device.stream.run()
        for got, want in zip(there, given, strict=True):
            assert torch.equal(got.as_subclass(torch.Tensor), want)


def test_on_the_cpu_nothing_is_copied():
    tensor = torch.ones(3)
    assert Transfer(torch.device("cpu"))(tensor)[0] is tensor


@pytest.mark.gpu
@pytest.mark.parametrize("pinned", [False, True])
def test_a_slow_reader_sees_what_it_was_given(pinned):
    device = torch.device("cuda")
    transfer, read, wanted = Transfer(device), [], []
    for number in range(12):
        batch = torch.full((64, 224, 224, 3), number, dtype=torch.uint8)
        (there,) = transfer(batch.pin_memory() if pinned else batch)
        batch.fill_(255)  # pageable memory may be written to as soon as the call is over
        torch.cuda._sleep(20_000_000)
        read.append(there.float().mean())
        wanted.append(float(number))
        del there  # its memory may be used for the next ones, once it is read
    assert torch.stack(read).tolist() == wanted


@pytest.mark.gpu
def test_copies_do_not_queue_behind_the_callers_work():
    transfer, batch = Transfer(torch.device("cuda")), torch.ones(1 << 20).pin_memory()
    transfer(batch)
    torch.cuda.synchronize()
    torch.cuda._sleep(2_000_000_000)
    transfer(batch)
    transfer._slots[1].sent.synchronize()
    assert not torch.cuda.current_stream().query()  # still asleep
