"""Knowledge distillation: both sums, the temperature, its limits, the teacher."""

import pytest
import torch
from torch import nn

from fasttricks.kernels.mix.targets import Mixed
from fasttricks.tricks.distillation import Distillation, OnlineTeacher, soft_term
from fasttricks.tricks.soft_targets import cross_entropy


def example(batch=6, classes=9):
    generator = torch.Generator().manual_seed(0)
    z, r = torch.randn(2, batch, classes, generator=generator, dtype=torch.float64)
    return z.requires_grad_(), r, torch.randint(classes, (batch,), generator=generator)


def softmax(x):
    return x.exp() / x.exp().sum(1, keepdim=True)


def by_definition(z, r, y, temperature, smoothing):
    """(hard, T^2 * soft): equation 6 of the paper, word for word."""
    classes = z.shape[1]
    q = torch.nn.functional.one_hot(y, classes).double() * (1 - smoothing) + smoothing / classes
    hard = -(q * softmax(z).log()).sum(1).mean()
    soft = -(softmax(r / temperature) * softmax(z / temperature).log()).sum(1).mean()
    return hard, temperature**2 * soft


@pytest.mark.parametrize("temperature", [1.0, 2.0, 20.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sum_and_convex_by_definition(temperature, smoothing):
    z, r, y = example()
    hard, soft = by_definition(z, r, y, temperature, smoothing)
    added = Distillation(temperature=temperature)
    loss = added(z, y, added.soften(r), smoothing)
    torch.testing.assert_close(loss, hard + soft, rtol=1e-12, atol=0)
    for weight in (0.0, 0.3, 1.0):
        convex = Distillation(how="convex", temperature=temperature, weight=weight)
        loss = convex(z, y, convex.soften(r), smoothing)
        torch.testing.assert_close(loss, weight * hard + (1 - weight) * soft, rtol=1e-12, atol=0)


def test_the_defaults_are_the_papers():
    assert Distillation() == Distillation(how="sum", temperature=20.0)


def test_weight_one_is_plain_and_weight_zero_soft_alone():
    z, r, y = example()
    one = Distillation(how="convex", weight=1.0)
    torch.testing.assert_close(one(z, y, one.soften(r), 0.1), cross_entropy(z, y, 0.1))
    zero = Distillation(how="convex", weight=0.0, temperature=3.0)
    teacher = zero.soften(r)
    assert torch.equal(zero(z, y, teacher), 9 * soft_term(z, teacher, 3.0))


def test_convex_at_a_half_is_half_the_sum():
    z, r, y = example()
    added, convex = Distillation(), Distillation(how="convex")
    teacher = added.soften(r)
    torch.testing.assert_close(convex(z, y, teacher), added(z, y, teacher) / 2)


@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_nothing_to_learn_from_a_teacher_that_agrees(temperature):
    z, _, _ = example()
    teacher = Distillation(temperature=temperature).soften(z)
    (gradient,) = torch.autograd.grad(soft_term(z, teacher, temperature), z)
    assert gradient.abs().max() < 1e-16


def test_the_gradient_does_not_shrink_with_the_temperature():
    z, r, y = example()
    batch, classes = z.shape
    centred = lambda x: x - x.mean(1, keepdim=True)  # noqa: E731
    limit = centred(z - r).detach() / classes / batch
    errors = []
    for temperature in (10.0, 100.0, 1000.0):
        soft_only = Distillation(how="convex", weight=0.0, temperature=temperature)
        (gradient,) = torch.autograd.grad(soft_only(z, y, soft_only.soften(r)), z)
        errors.append(((gradient - limit).abs().max() / limit.abs().max()).item())
    # The next term of the series is of order 1 / T; without T^2 the error would tend to 1.
    assert errors[0] < 0.5
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[1] / 5


def test_smoothing_is_for_the_hard_term_alone():
    z, r, y = example()
    distillation = Distillation(temperature=1.0)
    teacher = distillation.soften(r)
    difference = distillation(z, y, teacher, 0.1) - distillation(z, y, teacher, 0.0)
    expected = cross_entropy(z, y, 0.1) - cross_entropy(z, y)
    torch.testing.assert_close(difference, expected, rtol=1e-9, atol=1e-12)


def test_takes_mixed_targets_and_half_precision():
    z, r, _ = example()
    labels = torch.arange(12).reshape(6, 2) % 9
    mixed = Mixed(labels, torch.full((6, 2), 0.5), labels)
    distillation = Distillation(temperature=2.0)
    exact = distillation(z, mixed, distillation.soften(r), 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        z16, r16 = z.to(torch.bfloat16), r.to(torch.bfloat16)
        loss = distillation(z16, mixed, distillation.soften(r16), 0.1)
    assert loss.dtype == torch.float32
    rounded = distillation(z16.double(), mixed, distillation.soften(r16.double()), 0.1)
    assert loss.item() == pytest.approx(rounded.item(), rel=1e-6)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-2)


def test_asks_for_no_value_on_the_host():
    z, r = torch.randn(2, 5, 7, device="meta")
    distillation = Distillation()
    y = torch.zeros(5, dtype=torch.long, device="meta")
    distillation(z.requires_grad_(), y, distillation.soften(r), 0.1).backward()


def test_a_teacher_learns_nothing_and_stays_in_eval_mode():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 9))
    teacher = OnlineTeacher(net.train())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = torch.randn(6, 3, 4, 4, requires_grad=True)
    for _ in range(2):
        net.train()  # as a careless caller would
        logits = teacher(images)
        assert not net.training
    assert not logits.requires_grad
    z, _, y = example()
    distillation = Distillation()
    distillation(z, y, distillation.soften(logits)).backward()
    assert all(parameter.grad is None for parameter in net.parameters())
    assert images.grad is None
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not isinstance(teacher, nn.Module)


def test_probabilities_that_ask_for_gradients_get_none():
    z, r, y = example()
    r.requires_grad_()
    Distillation()(z, y, r.softmax(1)).backward()
    assert r.grad is None
    assert z.grad is not None
