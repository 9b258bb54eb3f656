"""What a loader hands to a GPU: the CPU's pictures, on streams in order, from memory in turn."""

import pytest
import torch

from fasttricks import Augment, CutMix, Mixup, make_loader
from fasttricks.kernels import finish_torch
from fasttricks.kernels.policy import TrivialAugment
from fasttricks.pipelines.transfer import Transfer, set_device_of_thread
from tests.device_order import Race
from tests.pretend_cuda import pretend_cuda

WAYS = {
    "plain": {},
    "uint8": {"work": "decode"},
    "two views, a policy": {"views": 2, "augment": Augment(policy=TrivialAugment())},
    "mixed": {"mix": Mixup(0.5), "mix_group": 4, "dtype": torch.bfloat16},
    "mixed by two": {"mix": CutMix(), "mix_group": 4, "views": 2},
}


@pytest.fixture
def gpu(monkeypatch):
    kernel = pytest.importorskip("fasttricks.kernels.finish_triton")
    monkeypatch.setattr(kernel, "finish", finish_torch.finish)
    with pretend_cuda() as order:
        yield order


def tensors(batch):
    images, targets = batch
    return [images, *(targets if isinstance(targets, tuple) else [targets])]


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_batches_are_the_cpus_and_nobody_waits(how, picture_folder, request):
    """As a trainer would, with work of its own on another stream than the batch is copied on."""
    settings = {"batch_size": 8, "size": 24, "num_threads": 1, "augment": Augment(color="none")}
    settings |= {"train": True} | how
    with make_loader("roi", picture_folder, **settings) as loader:
        expected = list(loader)
    order = request.getfixturevalue("gpu")
    with make_loader("roi", picture_folder, device="cuda", **settings) as loader:
        loader.set_epoch(0)
        batches, found = iter(loader), []
        with order.nobody_waits():
            for _ in range(len(loader)):
                found.append([tensor.clone() for tensor in tensors(next(batches))])
        batches.close()
    for got, want in zip(found, expected, strict=True):
        for one, other in zip(got, tensors(want), strict=True):
            assert one.is_cuda
            close = {"rtol": 1e-2, "atol": 1e-2} if one.dtype == torch.bfloat16 else {}
            torch.testing.assert_close(one.cpu(), other, **close)


@pytest.mark.parametrize("pinned", [False, True])
def test_sent_batches_are_in_order(gpu, pinned):
    transfer = Transfer(torch.device("cuda", 0))
    for number in range(6):
        batch = torch.full((4, 3), number)
        (there,) = transfer(batch.pin_memory() if pinned else batch)
        assert (there + there).sum().item() == 24 * number
        del there


def test_a_transfer_that_is_not_waited_for_is_found(gpu, monkeypatch):
    monkeypatch.setattr(gpu.default, "wait_event", lambda event: None)
    (there,) = Transfer(torch.device("cuda", 0))(torch.ones(4))
    with pytest.raises(Race, match="reads"):
        there + 1


def test_pinned_memory_is_written_again_only_when_it_is_copied(gpu, monkeypatch):
    transfer = Transfer(torch.device("cuda", 0), depth=1)
    transfer(torch.ones(4))
    transfer(torch.ones(4))
    monkeypatch.setattr(transfer._slots[0].sent, "synchronize", lambda: None)
    with pytest.raises(Race, match="writes"):
        transfer(torch.ones(4))


def test_threads_are_at_their_own_gpu(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    for name in ("cpu", "cuda", "cuda:2"):
        set_device_of_thread(torch.device(name))()
    assert chosen == [3, 2]
