"""Nesterov's gradient against its closed forms."""

from copy import deepcopy

import pytest
import torch

from fasttricks.tricks.nesterov import FoldedNesterov, fused_sgd

MU, WD = 0.9, 1e-4


def nesterov(params, lr, *, fold_lr=False, momentum=MU, weight_decay=WD):
    """One of the two versions."""
    given = {"momentum": momentum, "weight_decay": weight_decay}
    return (
        FoldedNesterov(params, lr, **given)
        if fold_lr
        else fused_sgd(params, lr, nesterov=True, **given)
    )


def parameter(seed=0, shape=(3, 5)):
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.nn.Parameter(w), torch.randn(shape, generator=generator, dtype=torch.float64)


def two_steps(lrs, gradient, w, **settings):
    optimizer = nesterov([w], lrs[0], momentum=MU, **settings)
    for lr in lrs:
        optimizer.param_groups[0]["lr"] = lr
        w.grad = gradient.clone()
        optimizer.step()
    return w.detach()


@pytest.mark.parametrize("fold_lr", [False, True])
def test_two_steps_at_one_rate(fold_lr):
    w, g = parameter()
    start = w.detach().clone()
    after = two_steps([0.1, 0.1], g, w, weight_decay=0.0, fold_lr=fold_lr)
    expected = start - 0.1 * g * ((1 + MU) + (1 + MU + MU**2))
    torch.testing.assert_close(after, expected, rtol=1e-13, atol=1e-15)


def test_two_steps_at_two_rates_tell_the_versions_apart():
    high, low = 0.1, 0.01
    w, g = parameter()
    start = w.detach().clone()
    after = two_steps([high, low], g, w, weight_decay=0.0)
    expected = start - g * (high * (1 + MU) + low * (1 + MU + MU**2))
    torch.testing.assert_close(after, expected, rtol=1e-13, atol=1e-15)
    w, g = parameter()
    folded = two_steps([high, low], g, w, weight_decay=0.0, fold_lr=True)
    expected = start - g * (high * (1 + MU) + high * MU**2 + low * (1 + MU))
    torch.testing.assert_close(folded, expected, rtol=1e-13, atol=1e-15)
    assert (after - folded).abs().max() > 1e-3


def mxnet(w, gradients, lrs):
    """The rule of MXNet, word for word."""
    m = torch.zeros_like(w)
    for gradient, lr in zip(gradients, lrs, strict=True):
        g = gradient + WD * w
        m = MU * m - lr * g
        w = w + MU * m - lr * g
    return w


def test_folded_follows_the_rule_over_many_steps_of_a_schedule():
    (w, _), (v, _) = parameter(1), parameter(2, (7,))
    starts = [w.detach().clone(), v.detach().clone()]
    optimizer = nesterov([w, v], 0.1, weight_decay=WD, fold_lr=True)
    generator = torch.Generator().manual_seed(3)
    lrs = [0.1 * (i + 1) / 5 for i in range(5)] + [0.01] * 5
    gradients = [
        [torch.randn(p.shape, generator=generator, dtype=torch.float64) for _ in lrs]
        for p in (w, v)
    ]
    for step, lr in enumerate(lrs):
        optimizer.param_groups[0]["lr"] = lr
        w.grad, v.grad = (one[step].clone() for one in gradients)
        optimizer.step()
    for p, start, own in zip((w, v), starts, gradients, strict=True):
        torch.testing.assert_close(p.detach(), mxnet(start, own, lrs), rtol=1e-12, atol=1e-14)


def test_folded_state_is_saved_and_loaded():
    w, g = parameter()
    optimizer = FoldedNesterov([w], 0.1)
    w.grad = g
    optimizer.step()
    twin = torch.nn.Parameter(w.detach().clone())
    other = FoldedNesterov([twin], 0.5)
    other.load_state_dict(deepcopy(optimizer.state_dict()))  # torch would share it
    twin.grad = g.clone()
    optimizer.step()
    other.step()
    assert torch.equal(w, twin)


def test_folded_runs_a_closure_and_skips_what_has_no_gradient():
    w, _ = parameter()
    still = torch.nn.Parameter(torch.ones(2))
    optimizer = FoldedNesterov([w, still], 0.01, weight_decay=0.0)

    def closure():
        optimizer.zero_grad()
        loss = w.square().sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert torch.equal(still, torch.ones(2))


def test_is_fused_and_equal_to_the_plain_one():
    w, g = parameter()
    optimizer = nesterov([w], 0.1)
    assert optimizer.param_groups[0]["fused"]
    assert optimizer.param_groups[0]["nesterov"]
    twin = torch.nn.Parameter(w.detach().clone())
    plain = torch.optim.SGD([twin], 0.1, momentum=MU, weight_decay=WD, nesterov=True, fused=False)
    for _ in range(3):
        w.grad, twin.grad = g.clone(), g.clone()
        optimizer.step()
        plain.step()
    torch.testing.assert_close(w, twin, rtol=1e-14, atol=0)


def test_groups_keep_their_own_values():
    (w, _), (v, _) = parameter(1), parameter(2)
    groups = [{"params": [w], "weight_decay": 0.0}, {"params": [v]}]
    for fold_lr in (False, True):
        optimizer = nesterov(groups, 0.1, weight_decay=0.3, fold_lr=fold_lr)
        assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, 0.3]


def test_what_is_wrong_is_said():
    for fold_lr, words in ((False, "omentum"), (True, "0 < momentum < 1")):
        with pytest.raises(ValueError, match=words):
            nesterov([parameter()[0]], 0.1, momentum=0.0, fold_lr=fold_lr)
