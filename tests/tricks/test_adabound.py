"""AdaBound."""

import copy
import math

import pytest
import torch
from torch import nn

from fasttricks.tricks.adabound import AdaBound, bounds

OPTIONS = {
    "plain": {},
    "coupled decay": {"weight_decay": 0.1},
    "decoupled decay": {"weight_decay": 0.1, "decoupled": True},
    "amsbound": {"amsbound": True},
    "closing fast": {"gamma": 0.5, "final_lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-4},
}


def hand_trace(w, gradients, rates, *, betas=(0.9, 0.999), final_lr=0.1, gamma=1e-3, eps=1e-8,
               weight_decay=0.0, decoupled=False, amsbound=False):  # fmt: skip
    """One number, in Python's float64; the first of `rates` is the base."""
    m = v = largest = 0.0
    trace = []
    for t, (g, lr) in enumerate(zip(gradients, rates, strict=True), start=1):
        if decoupled:
            w -= lr * weight_decay * w
        else:
            g += weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        largest = max(largest, v)
        rate = lr * math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
        rate /= math.sqrt(largest if amsbound else v) + eps
        final = final_lr * lr / rates[0]
        rate = max(rate, final * (1 - 1 / (gamma * t + 1)))
        w -= min(rate, final * (1 + 1 / (gamma * t))) * m
        trace.append(w)
    return trace


def torch_trace(w, gradients, rates, optimizer=AdaBound, **options):
    parameter = nn.Parameter(torch.tensor([w], dtype=torch.float64))
    one = optimizer([parameter], lr=rates[0], **options)
    trace = []
    for g, lr in zip(gradients, rates, strict=True):
        one.param_groups[0]["lr"] = lr
        parameter.grad = torch.tensor([g], dtype=torch.float64)
        one.step()
        trace.append(parameter.item())
    return trace


def bumpy(steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = 10.0 ** torch.empty(steps).uniform_(-4, 2, generator=generator)
    return (sizes * torch.randn(steps, generator=generator)).double().tolist()


@pytest.mark.parametrize("name", OPTIONS)
def test_follows_the_recursion_by_hand(name):
    gradients = bumpy(60)
    rates = [0.01] * 20 + [0.005] * 20 + [0.02] * 20
    expected = hand_trace(1.0, gradients, rates, **OPTIONS[name])
    assert torch_trace(1.0, gradients, rates, **OPTIONS[name]) == pytest.approx(expected, rel=1e-9)
    for other in OPTIONS.keys() - {name}:
        wrong = hand_trace(1.0, gradients, rates, **OPTIONS[other])
        assert expected != pytest.approx(wrong, rel=1e-6)


def closed_form(w, gradients, rates, *, betas, final_lr, gamma, eps, decay, decoupled, amsbound):
    """float64 without a recursion of the moments: each is its sum over all gradients until then.

    Divided by 1 - beta^t first, as Adam's paper has it, and weights shrink after the step's rate is
    known; the optimiser does both in another order.
    """
    seen, trace = [], []
    for t, (g, lr) in enumerate(zip(gradients, rates, strict=True), start=1):
        seen.append(g if decoupled else g + decay * w)
        m, *_ = means(seen, betas[0])
        seconds = means([g * g for g in seen], betas[1])
        v = max(seconds) if amsbound else seconds[0]
        corrected = math.sqrt(v / (1 - betas[1] ** t))
        # eps is added to the root of v as it is, so beside the corrected one it is larger.
        rate = lr / (1 - betas[0] ** t) / (corrected + eps / math.sqrt(1 - betas[1] ** t))
        final = final_lr * lr / rates[0]
        low, high = final - final / (gamma * t + 1), final + final / (gamma * t)
        w = w - (lr * decay * w if decoupled else 0.0) - sorted((low, rate, high))[1] * m
        trace.append(w)
    return trace


def means(values, beta):
    """Exponential means that begin at 0, after all values, after all but the last, ..."""
    return [
        math.fsum((1 - beta) * beta ** (end - 1 - i) * values[i] for i in range(end))
        for end in range(len(values), 0, -1)
    ]


@pytest.mark.parametrize("amsbound", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("gamma", [1e-3, 0.03, 2.0])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.99, 0.7), (0.0, 0.95), (0.8, 0.0)])
def test_any_betas_and_gamma_follow_the_closed_form(betas, gamma, decoupled, amsbound):
    gradients, rates = bumpy(24, seed=3), [0.01] * 8 + [0.03] * 8 + [0.002] * 8
    options = {"betas": betas, "gamma": gamma, "final_lr": 0.05, "eps": 1e-3}
    more = {"decoupled": decoupled, "amsbound": amsbound}
    expected = closed_form(1.0, gradients, rates, decay=0.2, **options, **more)
    got = torch_trace(1.0, gradients, rates, weight_decay=0.2, **options, **more)
    assert got == pytest.approx(expected, rel=1e-9)
    # Betas in the other order, or bounds that close at another pace, would have been noticed.
    for wrong in ({"betas": betas[::-1]}, {"gamma": 1.5 * gamma}):
        other = closed_form(1.0, gradients, rates, decay=0.2, **{**options, **wrong}, **more)
        assert expected != pytest.approx(other, rel=1e-6)


def test_first_bounds_are_the_published_ones():
    lower, upper = bounds(0.1, 1e-3, 1)
    assert lower == pytest.approx(0.0000999, rel=1e-3)
    assert upper == pytest.approx(100.1, rel=1e-9)


def test_bounds_close_in_on_the_final_rate_from_both_sides():
    previous = (0.0, math.inf)
    for step in (1, 10, 1000, 10**6, 10**9):
        lower, upper = bounds(0.1, 1e-3, step)
        assert previous[0] < lower < 0.1 < upper < previous[1]
        previous = (lower, upper)
    assert previous == pytest.approx((0.1, 0.1), rel=1e-5)


def test_begins_as_adam_where_no_bound_is_met():
    gradients = [g for g in bumpy(40) if 0.1 < abs(g) < 10][:8]
    rates = [1e-3] * len(gradients)
    adam = torch_trace(1.0, gradients, rates, torch.optim.Adam)
    assert torch_trace(1.0, gradients, rates) == pytest.approx(adam, rel=1e-9)
    # A gradient so large that Adam's rate is under the lower bound of 1e-4.
    assert torch_trace(1.0, [1e4], [1e-3])[0] != pytest.approx(
        torch_trace(1.0, [1e4], [1e-3], torch.optim.Adam)[0], rel=1e-3
    )


def test_ends_as_sgd_on_the_first_moment():
    gradients, rates = bumpy(30), [1e-3] * 30
    w, m, expected = 1.0, 0.0, []
    for g in gradients:
        m = 0.9 * m + 0.1 * g
        w -= 0.1 * m
        expected.append(w)
    assert torch_trace(1.0, gradients, rates, gamma=1e9) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("gradient", [1e-7, 1e4])  # at the upper bound, at the lower
def test_half_the_learning_rate_halves_both_bounds(gradient):
    options = {"final_lr": 0.1, "gamma": 1.0}
    full = 1 - torch_trace(1.0, [gradient], [1e-3], **options)[0]

    parameter = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = AdaBound([parameter], lr=1e-3, **options)
    optimizer.param_groups[0]["lr"] = 0.5e-3
    parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
    assert 1 - parameter.item() == pytest.approx(full / 2, rel=1e-6)


def quadratic(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))


def train(model, optimizer, steps, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x = torch.randn(8, 6, generator=generator)
        optimizer.zero_grad()
        (model(x) - x[:, :3]).square().mean().backward()
        optimizer.step()


def test_many_tensors_at_once_are_as_one_by_one():
    model = quadratic()
    start = [p.detach().double().flatten().tolist() for p in model.parameters()]
    optimizer = AdaBound(model.parameters(), lr=1e-3, gamma=0.1)
    gradients = []
    for step in range(5):
        train_one = torch.Generator().manual_seed(step)
        for p in model.parameters():
            p.grad = torch.randn(p.shape, generator=train_one)
        gradients.append([p.grad.double().flatten().tolist() for p in model.parameters()])
        optimizer.step()
    for i, parameter in enumerate(model.parameters()):
        for j, value in enumerate(parameter.detach().flatten().tolist()):
            series = [step[i][j] for step in gradients]
            expected = hand_trace(start[i][j], series, [1e-3] * 5, gamma=0.1)[-1]
            assert value == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_parameter_without_gradient_waits_and_counts_its_own_steps():
    seen, unseen = (nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2))
    optimizer = AdaBound([seen, unseen], lr=1e-3)
    for step in range(4):
        seen.grad = torch.ones_like(seen)
        unseen.grad = torch.ones_like(unseen) if step == 3 else None
        optimizer.step()
    assert seen.item() == pytest.approx(hand_trace(1.0, [1.0] * 4, [1e-3] * 4)[-1], rel=1e-9)
    assert unseen.item() == pytest.approx(hand_trace(1.0, [1.0], [1e-3])[-1], rel=1e-9)


def test_the_base_rate_survives_a_restart_at_another_rate(tmp_path):
    model = quadratic()
    optimizer = AdaBound(model.parameters(), lr=1e-2, gamma=0.1, amsbound=True)
    train(model, optimizer, 3)
    optimizer.param_groups[0]["lr"] = 1e-3
    torch.save({"net": model.state_dict(), "optim": optimizer.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)

    other = quadratic(seed=9)
    resumed = AdaBound(other.parameters(), lr=1e-3, gamma=0.1, amsbound=True)
    assert resumed.param_groups[0]["base_lr"] == 1e-3
    other.load_state_dict(state["net"])
    resumed.load_state_dict(state["optim"])
    assert resumed.param_groups[0]["base_lr"] == 1e-2
    for net, one in ((model, optimizer), (other, resumed)):
        train(net, one, 3, seed=1)
    for ours, theirs in zip(other.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_groups_have_their_own_values_and_base():
    fast, slow = (nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2))
    optimizer = AdaBound([{"params": [fast], "lr": 1e-2}, {"params": [slow], "weight_decay": 0.5}])
    assert [group["base_lr"] for group in optimizer.param_groups] == [1e-2, 1e-3]
    fast.grad, slow.grad = torch.ones_like(fast), torch.ones_like(slow)
    optimizer.step()
    assert fast.item() == pytest.approx(hand_trace(1.0, [1.0], [1e-2])[0], rel=1e-9)
    expected = hand_trace(1.0, [1.0], [1e-3], weight_decay=0.5)[0]
    assert slow.item() == pytest.approx(expected, rel=1e-9)


def test_a_closure_gives_its_loss_and_gradients_are_left_as_they_were():
    model = quadratic()
    optimizer = AdaBound(model.parameters(), weight_decay=0.1)

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(2, 6)).square().sum()
        loss.backward()
        return loss

    before = copy.deepcopy(model.state_dict())
    assert optimizer.step(closure) > 0
    assert not torch.equal(before["0.weight"], model[0].weight)
    gradient = model[0].weight.grad.clone()
    model[0].weight.grad = gradient.clone()
    optimizer.step()
    assert torch.equal(model[0].weight.grad, gradient)


def test_it_learns():
    model = quadratic()
    x = torch.randn(64, 6)

    def loss():
        return (model(x) - x[:, :3]).square().mean().item()

    before = loss()
    train(model, AdaBound(model.parameters(), lr=1e-2), 150)
    assert loss() < 0.2 * before


@pytest.mark.parametrize(
    "options", [{"lr": 0.0}, {"final_lr": 0}, {"gamma": -1}, {"betas": (0.9, 1.0)}]
)
def test_wrong_numbers_are_refused(options):
    with pytest.raises(ValueError, match="need"):
        AdaBound([nn.Parameter(torch.ones(1))], **options)


def test_sparse_gradients_are_refused():
    table = nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="sparse"):
        AdaBound(table.parameters()).step()
