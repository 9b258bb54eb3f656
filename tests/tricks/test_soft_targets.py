"""Cross-entropy against indices, mixed indices and probabilities."""

import math

import pytest
import torch
from torch.nn import functional

from fasttricks.kernels.mix.targets import Mixed
from fasttricks.tricks.soft_targets import cross_entropy
from tests.tricks.smoothing import smooth

FORMS = ["uniform", "paper"]
SHAPES = [(1, 2, 1), (7, 11, 2), (13, 101, 4)]


def example(batch, classes, parts, seed=0):
    """Logits float64 and `Mixed` targets; some pictures are mixed with their own class."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(min(classes, 3), (batch, parts), generator=generator)
    weights = torch.rand(batch, parts, generator=generator, dtype=torch.float64)
    return logits, Mixed(labels, weights / weights.sum(1, keepdim=True), labels)


def one_hot_mixture(mixed, classes):
    one_hot = functional.one_hot(mixed.labels, classes).double()
    return (one_hot * mixed.weights.double()[..., None]).sum(1)


def reference(logits, probabilities, smoothing, form):
    """Word for word: -sum q log p, float64, with q of the form's definition."""
    q = smooth(probabilities, logits.shape[1], smoothing, form)
    p = logits.double().exp() / logits.double().exp().sum(1, keepdim=True)
    return -(q * p.log()).sum(1).mean()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_gathered_equals_dense_equals_the_definition(shape, smoothing, form):
    logits, mixed = example(*shape)
    logits.requires_grad_()
    dense = one_hot_mixture(mixed, shape[1])
    expected = reference(logits, dense, smoothing, form)
    (gradient,) = torch.autograd.grad(expected, logits)
    rows = Mixed(functional.one_hot(mixed.labels, shape[1]).double(), mixed.weights, mixed.indices)
    for targets in (mixed, dense, rows):
        loss = cross_entropy(logits, targets, smoothing, form)
        torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
        (own,) = torch.autograd.grad(loss, logits)
        torch.testing.assert_close(own, gradient, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_torch(shape, smoothing):
    logits, mixed = example(*shape)
    hard = mixed.labels[:, 0]
    torchs = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    torch.testing.assert_close(cross_entropy(logits, hard, smoothing), torchs(logits, hard))
    dense = one_hot_mixture(mixed, shape[1])
    torch.testing.assert_close(cross_entropy(logits, dense, smoothing), torchs(logits, dense))
    mixed, logits = mixed._replace(weights=mixed.weights.float()), logits.float()
    expected = functional.cross_entropy(logits, mixed.soft(shape[1], smoothing))
    torch.testing.assert_close(cross_entropy(logits, mixed, smoothing), expected)


def test_the_forms_differ_so_a_swap_would_be_seen():
    logits, mixed = example(7, 10, 1)
    losses = [cross_entropy(logits, mixed, 0.1, form).item() for form in FORMS]
    assert abs(losses[0] - losses[1]) > 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_the_loss_is_least_at_the_gap_of_the_closed_form(form):
    classes = 1000
    logits = torch.zeros(1, classes, dtype=torch.float64)
    true, *_, other = smooth(torch.tensor([0]), classes, 0.1, form)[0].double().tolist()
    gap, least = math.log(true / other), -true * math.log(true) - 999 * other * math.log(other)
    published = {"paper": (9.1040, 1.01576), "uniform": (9.1051, 1.01485)}[form]  # of 1000 classes
    assert (gap, least) == (
        pytest.approx(published[0], abs=5e-5),
        pytest.approx(published[1], abs=5e-6),
    )
    logits[0, 5] = gap
    logits.requires_grad_()
    loss = cross_entropy(logits, torch.tensor([5]), 0.1, form)
    assert loss.item() == pytest.approx(least, rel=1e-6)  # `smooth` gives float32
    loss.backward()
    assert logits.grad.abs().max() < 1e-7  # a rounding of float32


def test_gradient_at_uniform_logits():
    logits = torch.zeros(4, 10, dtype=torch.float64, requires_grad=True)
    hard = torch.tensor([1, 5, 5, 9])
    cross_entropy(logits, hard, 0.1).backward()
    expected = (torch.full((4, 10), 0.1) - smooth(hard, 10, 0.1).double()) / 4
    torch.testing.assert_close(logits.grad, expected.double(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    logits, mixed = example(13, 101, 2)
    logits = logits.to(dtype)
    with torch.autocast("cpu", dtype):
        loss = cross_entropy(logits, mixed, 0.1)
    assert loss.dtype == torch.float32
    exact = cross_entropy(logits.double(), mixed, 0.1)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)  # far finer than 16 bits


def test_huge_logits_stay_finite_and_exact():
    logits = torch.tensor([[1e4, 1e4 - 1, -1e4]])
    loss = cross_entropy(logits, torch.tensor([1]))
    assert loss.item() == pytest.approx(math.log(1 + math.e), rel=1e-6)


def test_asks_for_no_value_on_the_host():
    """On `meta` there are no values to ask for: anything that waits for the device fails."""
    logits = torch.randn(5, 7, device="meta", requires_grad=True)
    labels = torch.zeros(5, 2, dtype=torch.long, device="meta")
    mixed = Mixed(labels, torch.rand(5, 2, device="meta"), labels)
    for targets in (labels[:, 0], mixed, torch.rand(5, 7, device="meta")):
        cross_entropy(logits, targets, 0.1, "paper").backward()
