"""The loop that our optimisers share."""

import pytest
import torch

from fasttricks.tricks.foreach import ForeachOptimizer


class Halving(ForeachOptimizer):
    """Moves by half of the sum of all gradients so far; tells what it was given."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.5})
        self.told = []

    def _update(self, group, params):
        self.told.append([tuple(p.shape) for p in params])
        sums = self._buffers("sum", params)
        torch._foreach_add_(sums, [p.grad for p in params])
        torch._foreach_sub_(params, torch._foreach_mul(sums, group["lr"]))


def test_each_group_is_given_what_has_a_gradient():
    a, b, c, d = (torch.nn.Parameter(torch.zeros(n)) for n in range(1, 5))
    optimizer = Halving([{"params": [a, b]}, {"params": [c]}, {"params": [d], "lr": 2.0}])
    a.grad, d.grad = torch.ones(1), torch.ones(4)
    optimizer.step()
    optimizer.step()
    assert optimizer.told == [[(1,)], [(4,)]] * 2
    assert a.item() == -0.5 * (1 + 2)
    assert d.tolist() == [-2.0 * (1 + 2)] * 4
    assert not b.any()
    assert set(optimizer.state) == {a, d}


def test_buffers_have_the_layout_of_their_parameter_and_are_kept():
    w = torch.nn.Parameter(torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last))
    optimizer = Halving([w])
    (first,) = optimizer._buffers("sum", [w])
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert not first.any()
    assert optimizer._buffers("sum", [w])[0] is first
    assert optimizer.state_dict()["state"][0].keys() == {"sum"}


def test_a_closure_runs_with_gradients_and_its_loss_is_handed_back():
    w = torch.nn.Parameter(torch.ones(()))
    optimizer = Halving([w])

    def closure():
        optimizer.zero_grad()
        loss = 3 * w
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 3
    assert w.item() == 1 - 0.5 * 3
    assert optimizer.step() is None


def test_a_subclass_has_to_say_what_it_does():
    w = torch.nn.Parameter(torch.ones(1))
    w.grad = torch.ones(1)
    with pytest.raises(NotImplementedError):
        ForeachOptimizer([w], {}).step()
