"""Memory is used again, but never while somebody still holds it."""

import threading

import numpy as np
import pytest
import torch

from fasttricks.pipelines.recycle import Claim, Recycler, Spare


def test_a_dropped_tensor_is_used_again():
    memory = Recycler(2)
    first = memory.empty((3, 4), torch.float32)
    address = first.data_ptr()
    del first
    assert memory.empty((3, 4), torch.float32).data_ptr() == address


@pytest.mark.parametrize(
    "hold",
    [
        lambda x: x,
        lambda x: x[1:],
        lambda x: x.permute(1, 0),
        lambda x: x.detach(),
        lambda x: x.numpy(),
        lambda x: x.numpy()[1:],
        lambda x: x.untyped_storage(),
        lambda x: x.requires_grad_() * 2,  # the graph may need it
    ],
)
def test_a_held_tensor_is_not(hold):
    memory = Recycler(2)
    held = memory.empty((3, 4), torch.float32).fill_(7)
    address = held.data_ptr()
    held = hold(held)
    for _ in range(3):
        other = memory.empty((3, 4), torch.float32)
        assert other.data_ptr() != address
        other.fill_(1)
    del held
    assert address in {memory.empty((3, 4), torch.float32).data_ptr() for _ in range(4)}


def test_more_tensors_than_blocks():
    memory = Recycler(2)
    tensors = [memory.empty((5,), torch.uint8).fill_(i) for i in range(6)]
    assert [int(tensor.sum()) for tensor in tensors] == [0, 5, 10, 15, 20, 25]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32])
def test_shapes_and_types_may_change(dtype):
    memory = Recycler(1)
    for shape in ((2, 3), (4, 5, 3), (1,), (0, 3), (2, 3)):
        tensor = memory.empty(shape, dtype)
        assert tensor.shape == shape
        assert tensor.dtype == dtype
        assert tensor.is_contiguous()
        tensor.fill_(3)
        assert np.all(tensor.float().numpy() == 3)
        del tensor


def test_a_claim_waits_until_somebody_gives_back():
    memory = Recycler(4)
    first, second = (memory.empty((8,), torch.uint8, Claim(2)) for _ in range(2))
    address, found = second.data_ptr(), []
    waiter = threading.Thread(
        target=lambda: found.append(memory.empty((8,), torch.uint8, Claim(2)))
    )
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()
    del second
    waiter.join(20)
    assert found[0].data_ptr() == address
    assert first.data_ptr() != address


def test_an_urgent_claim_waits_no_longer_and_its_memory_is_kept():
    memory, claim, found = Recycler(4), Claim(2), []
    held = [memory.empty((8,), torch.uint8, Claim(2)) for _ in range(2)]
    waiter = threading.Thread(target=lambda: found.append(memory.empty((8,), torch.uint8, claim)))
    waiter.start()
    memory.hurry(claim)
    waiter.join(20)
    addresses = {tensor.data_ptr() for tensor in (*held, *found)}
    assert len(addresses) == 3
    del held
    found.clear()
    again = [memory.empty((8,), torch.uint8) for _ in range(3)]
    assert {tensor.data_ptr() for tensor in again} == addresses


def test_only_blocks_that_are_kept_are_pinned(monkeypatch):
    pinned, real = [], torch.empty

    def empty(*shape, pin_memory=False, **rest):
        pinned.append(pin_memory)
        return real(*shape, **rest)

    monkeypatch.setattr(torch, "empty", empty)
    memory = Recycler(2, pinned=True)
    for _ in range(3):
        held = [memory.empty((8,), torch.uint8) for _ in range(2)]
        assert pinned == [True, True]
        held.clear()
    held = [memory.empty((8,), torch.uint8) for _ in range(2)]
    beyond = memory.empty((8,), torch.uint8)
    assert pinned == [True, True, False]
    held.clear()
    del beyond
    memory.empty((9,), torch.uint8)
    assert pinned == [True, True, False, True]  # a larger one in the place of a smaller


def test_spare_memory_is_used_again_the_last_first():
    spare = Spare()
    first, second = spare.take(2, 8), spare.take(2, 8)
    assert not np.shares_memory(first, second)
    spare.give(first)
    spare.give(second)
    assert np.shares_memory(spare.take(4, 3), second)  # smaller fits
    larger = spare.take(5, 5)
    assert not np.shares_memory(larger, first)
    spare.give(larger)
    assert spare.take(25).base is larger.base
