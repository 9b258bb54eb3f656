"""The loop that our optimisers share."""

import math

import pytest
import torch

from fasttricks.tricks.foreach import ForeachOptimizer


class Halving(ForeachOptimizer):
    """Moves by half of the sum of all gradients so far; tells what it was given."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.5})
        self.told = []

    def _kept(self, group):
        return ("sum",)

    def _update(self, group, params, gradients, kept):
        self.told.append([tuple(p.shape) for p in params])
        (sums,) = kept
        torch._foreach_add_(sums, gradients)
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
    w.grad = torch.zeros_like(w)
    optimizer.step()
    first = optimizer.state[w]["sum"]
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert not first.any()
    optimizer.step()
    assert optimizer.state[w]["sum"] is first
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


def scaled(gradients, options):
    """What Halving comes to under a GradScaler, given scaled gradients of a step after another."""
    w = torch.nn.Parameter(torch.ones(2, 3))
    optimizer = Halving([w])
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(torch.ones(()))  # makes the scale
    for gradient in gradients:
        w.grad = torch.full_like(w, gradient) * scaler.get_scale()
        if "unscaled before" in options:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    return w, optimizer, scaler


@pytest.mark.parametrize("options", [(), ("unscaled before",)])
def test_a_step_with_an_overflow_has_not_happened(options):
    w, optimizer, scaler = scaled([math.inf, 1.0, math.nan, 2.0, -math.inf], options)
    plain, steps, _ = scaled([1.0, 2.0], options)
    assert torch.equal(w, plain)
    assert torch.equal(w, torch.full((2, 3), 1 - 0.5 * (1 + (1 + 2))))
    assert torch.equal(optimizer.state[w]["sum"], steps.state[plain]["sum"])
    assert len(optimizer.told) == 5  # it was asked in every step, and nobody looked
    assert scaler.get_scale() == 8 / 2**3
    assert not hasattr(optimizer, "found_inf")


def test_without_a_scaler_what_is_not_finite_happens():
    w = torch.nn.Parameter(torch.ones(1))
    w.grad = torch.full((1,), math.nan)
    Halving([w]).step()
    assert w.isnan().all()
