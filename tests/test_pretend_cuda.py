"""What a GPU refuses, waits for or may do in the wrong order is found without one."""

import pytest
import torch
from torch import nn

from tests.device_order import Race, Waited
from tests.pretend_cuda import pretend_cuda


@pytest.fixture
def order():
    with pretend_cuda() as order:
        yield order


def there(*shape):
    return torch.ones(shape, device="cuda")


@pytest.mark.parametrize(
    "look",
    [
        lambda t: t.sum().item(),
        lambda t: float(t.sum()),
        lambda t: bool(t.sum() > 0),
        lambda t: t.tolist(),
        lambda t: t.cpu(),
        lambda t: t.nonzero(),
        lambda t: t[t > 0],
        lambda t: t[[0, 1]],  # a list becomes a tensor on the host first
        lambda t: torch.ones(4).to("cuda"),
        lambda t: torch.ones(4).pin_memory().to("cuda").cpu(),
        lambda t: torch.tensor(3.0, device="cuda"),
        lambda t: t.copy_(torch.ones(3, 2)),
        lambda t: torch.cuda.synchronize(),
        lambda t: torch.cuda.current_stream().synchronize(),
    ],
)
def test_what_waits_is_found(order, look):
    tensor = there(3, 2)
    look(tensor)
    with order.nobody_waits(), pytest.raises(Waited):
        look(tensor)


def test_what_does_not_wait_is_let_through(order):
    tensor, event = there(3, 2), torch.cuda.Event()
    with order.nobody_waits():
        torch.ones(4).to("cuda", non_blocking=True)
        torch.ones(4).pin_memory().to("cuda", non_blocking=True)
        assert tensor.to("cuda") is not None
        assert (tensor * 2 + torch.tensor(1.0)).device.type == "cuda"  # a number from the host
        tensor[0] = 1.0
        tensor[:, 1] += 1
        event.record()
        event.synchronize()


@pytest.mark.parametrize(
    "mixed",
    [
        lambda t: t + torch.ones(2),
        lambda t: torch.cat([t, torch.ones(3, 2)]),
        lambda t: torch.stack([t.sum(), torch.zeros(())]),
        lambda t: nn.functional.linear(t, torch.ones(4, 2)),
        lambda t: torch.ones(3, 2).add_(t),
    ],
)
def test_two_devices_are_refused(order, mixed):
    with pytest.raises(RuntimeError, match="same device"):
        mixed(there(3, 2))


def test_generators_belong_to_a_device(order):
    here, there = torch.Generator(), torch.Generator("cuda")
    assert torch.rand(2, generator=here).is_cpu
    assert torch.rand(2, generator=there, device="cuda").is_cuda
    for generator, device in ((here, "cuda"), (there, "cpu")):
        with pytest.raises(RuntimeError, match="for generator"):
            torch.rand(2, generator=generator, device=device)


def test_a_network_trains_there_as_here(order):
    """With the fused optimiser and a scaled loss, whose code asks where tensors are."""
    weights = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))
        net = net.to(device, memory_format=torch.channels_last)
        assert {p.device.type for p in net.state_dict().values()} == {device}
        optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, fused=True)
        scaler = torch.amp.GradScaler(device)
        for _ in range(3):
            loss = net(torch.randn(5, 3, 6, 6).to(device)).square().mean()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        weights.append([p.to("cpu") for p in net.state_dict().values()])
    assert all(torch.equal(*pair) for pair in zip(*weights, strict=True))


def test_streams_that_do_not_wait_race(order):
    side, tensor = torch.cuda.Stream(), there(4)
    with torch.cuda.stream(side), pytest.raises(Race, match="reads"):
        tensor + 1
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        twice = tensor + tensor
    with pytest.raises(Race, match="writes"):
        tensor.zero_()
    torch.cuda.current_stream().wait_event(side.record_event())
    tensor.zero_()
    assert twice.sum().item() == 8


@pytest.mark.parametrize("told", [False, True])
def test_memory_is_not_free_while_another_stream_uses_it(order, told):
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        tensor = there(4)
    torch.cuda.current_stream().wait_stream(side)
    if told:
        tensor.record_stream(torch.cuda.current_stream())
    tensor + 1
    del tensor
    with torch.cuda.stream(side):
        if told:
            there(4)
        else:
            with pytest.raises(Race, match="is given memory"):
                there(4)


def test_pinned_memory_is_not_written_while_it_is_copied(order):
    pinned, event = torch.empty(4, pin_memory=True), torch.cuda.Event()
    pinned.fill_(1)
    pinned.to("cuda", non_blocking=True)
    event.record()
    with pytest.raises(Race, match="writes"):
        pinned.fill_(2)
    event.synchronize()
    pinned.fill_(2)


def test_times_are_known_when_events_are_past(order):
    first, second = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    there(4)
    second.record()
    with pytest.raises(RuntimeError, match="not ready"):
        first.elapsed_time(second)
    second.synchronize()
    assert first.elapsed_time(second) == 0


def test_a_graph_does_again_what_was_recorded_in_the_same_memory(order):
    given, graph = there(3), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = (2 * given)[1:].sum()
        with pytest.raises(Waited):
            result.item()
    given.copy_(torch.tensor([1.0, 2.0, 3.0]))
    graph.replay()
    assert result.item() == 10
