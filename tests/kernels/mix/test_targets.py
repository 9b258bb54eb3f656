"""Mixed targets, and mixing any trainer's batch."""

import numpy as np
import pytest
import torch

from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, OneOf, RandomErasing
from fasttricks.kernels.mix.targets import Mixed, mix

MIXES = [
    Mixup(),
    Mixup(per="batch"),
    Mixup(pairing="halves"),
    Mixup(pairing="two-batches"),
    CutMix(),
    RICAP(),
    OneOf(Mixup(), CutMix(), probability=0.7),
    OneOf(Mixup(pairing="halves"), RICAP()),
]


def example(batch=12, classes=7, size=9):
    """Pictures whose value is their own number, so that shares can be read off."""
    labels = torch.randint(classes, (batch,), generator=torch.Generator().manual_seed(0))
    values = torch.arange(batch, dtype=torch.float32)
    return values[:, None, None, None].expand(batch, 3, size, size).contiguous(), labels


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("how", MIXES, ids=str)
def test_images_and_targets_use_the_same_shares(how):
    images, labels = example()
    out, targets = mix(images, labels, how, generator())
    shown = out.mean(dim=(1, 2, 3))
    told = (targets.weights * targets.indices).sum(1)
    torch.testing.assert_close(shown, told, rtol=0, atol=1e-4)
    assert torch.equal(targets.labels, labels[targets.indices])
    soft = targets.soft(7)
    torch.testing.assert_close(soft.sum(1), torch.ones(len(out)))
    by_hand = torch.zeros_like(soft)
    for k in range(targets.labels.shape[1]):
        one_hot = torch.nn.functional.one_hot(targets.labels[:, k], 7)
        by_hand += targets.weights[:, k : k + 1] * one_hot
    torch.testing.assert_close(soft, by_hand)


@pytest.mark.parametrize("how", MIXES, ids=str)
def test_the_generator_decides_and_memory_format_stays(how):
    images, labels = example()
    images = images.to(memory_format=torch.channels_last)
    first, _ = mix(images, labels, how, generator(1))
    again, _ = mix(images, labels, how, generator(1))
    other, _ = mix(images, labels, how, generator(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_smoothing_is_that_of_cross_entropy():
    labels = torch.tensor([[2, 2], [0, 1]])
    weights = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    mixed = Mixed(labels, weights, labels)
    logits = torch.randn(2, 5, generator=generator())
    plain = torch.nn.functional.cross_entropy(logits[:1], labels[:1, 0], label_smoothing=0.1)
    soft = torch.nn.functional.cross_entropy(logits[:1], mixed.soft(5, smoothing=0.1)[:1])
    torch.testing.assert_close(soft, plain)
    assert mixed.soft(5, smoothing=0.1).sum(1).tolist() == pytest.approx([1, 1])


def test_a_teachers_rows_mix_alike():
    mixed = Mixed(torch.zeros(1, 2).long(), torch.tensor([[0.25, 0.75]]), torch.tensor([[3, 1]]))
    table = torch.arange(8.0).reshape(4, 2)
    assert mixed.combine(table).tolist() == [[0.25 * 6 + 0.75 * 2, 0.25 * 7 + 0.75 * 3]]


@pytest.mark.parametrize(
    ("dtype", "found"),
    [
        (torch.uint8, torch.float32),
        (torch.int64, torch.float32),
        (torch.bool, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_shares_of_a_table_are_fractions(dtype, found):
    weights = torch.tensor([[0.25, 0.75]])
    mixed = Mixed(torch.zeros(1, 2).long(), weights, torch.tensor([[0, 1]]))
    table = torch.tensor([[100], [200]]).to(dtype)
    combined = mixed.combine(table)
    assert combined.dtype == found
    assert combined.item() == (weights[0] * table[:, 0].double()).sum().item()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (torch.zeros(3, 2), "combine: 3 rows, and none for sample 3"),
        (torch.zeros(0, 2), "combine: 0 rows, and none for sample 3"),
        (torch.tensor(1.0), "combine needs a tensor .*; got a Tensor$"),
        ([[1.0], [2.0]], r"combine needs a tensor \[N, ...\], a row per sample; got a list$"),
        (np.zeros((39, 3)), r"got a ndarray \[39, 3\]: give torch.from_numpy\(values\)$"),
    ],
)
def test_a_table_without_rows_is_refused(values, words):
    mixed = Mixed(torch.zeros(1, 2).long(), torch.tensor([[0.25, 0.75]]), torch.tensor([[3, 1]]))
    with pytest.raises(ValueError, match=words):
        mixed.combine(values)


def test_all_equal_labels_stay_what_they_are():
    images, _ = example()
    _, targets = mix(images, torch.full((12,), 4), RICAP(), generator())
    expected = torch.nn.functional.one_hot(torch.full((12,), 4), 7).float()
    torch.testing.assert_close(targets.soft(7), expected)


def test_soft_targets_keep_their_rows():
    images, _ = example()
    rows = torch.rand(12, 5, generator=generator())
    _, targets = mix(images, rows, Mixup(), generator())
    assert targets.labels.shape == (12, 2, 5)
    with pytest.raises(ValueError, match=r"class indices \[B, k\]; the labels are torch.float32"):
        targets.soft(5)


@pytest.mark.parametrize("how", [Cutout(4), RandomErasing(1.0)], ids=str)
def test_erasing_changes_no_targets(how):
    images, labels = example()
    out, targets = mix(images + 100, labels, how, generator())
    assert targets is labels
    erased = (out < 50).any(dim=1).float().mean(dim=(1, 2))
    assert erased.min() > 0
    assert erased.max() < 0.7


def test_nothing_to_do_gives_back_what_was_given():
    images, labels = example()
    assert mix(images, labels, ()) == (images, labels)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda i, t: mix(i.byte(), t, Mixup()), "images must be floats"),
        (lambda i, t: mix(i[0], t, Mixup()), "images must be floats"),
        (lambda i, t: mix(i, t[1:], Mixup()), "12 images and 11 targets"),
        (lambda i, t: mix(i[:0], t[:0], Mixup()), "0 images"),
        (lambda i, t: mix(i.numpy(), t, Mixup()), "images must be a torch.Tensor; got ndarray"),
        (lambda i, t: mix(i, t.tolist(), Mixup()), "targets must be a torch.Tensor; got list"),
        (lambda i, t: mix(i, t, 0.2), "must be a fasttricks Mixup"),
        (lambda i, t: mix(i, t, Mixup(), 0), "generator must be a torch.Generator or None; got 0"),
        (lambda i, t: mix(i, t, Mixup(), generator=0), "generator must be .*; got 0"),
        (lambda i, t: mix(i[:, :, :0], t, CutMix()), "there is not a pixel in images of"),
        (lambda i, t: mix(i[..., :0], t, Cutout(2)), "there is not a pixel in images of"),
        (lambda i, t: mix(i, t[0], Mixup()), r"targets must be \[B, ...\]; got a single number"),
        (lambda i, t: mix(i, t, Mixup())[1].soft(3), r"does not lie in \[0, 3\)"),
        (lambda i, t: mix(i, t, Mixup())[1].soft(9, smoothing=1.0), "smoothing"),
        (lambda i, t: mix(i, t, Mixup())[1].soft(9, "a"), r"smoothing must be a number in .* 'a'"),
        (
            lambda i, t: mix(i, t, Mixup())[1].soft(8.0),
            "num_classes must be an integer >= 1; .*8.0",
        ),
        (lambda i, t: mix(i, t, Mixup())[1].soft("8"), "num_classes must be an integer.* got '8'"),
        (lambda i, t: mix(i, t, Mixup())[1].soft(None), "num_classes must be an integer.* None"),
    ],
)
def test_what_is_wrong_is_said(call, words):
    images, labels = example()
    labels[0] = 6
    with pytest.raises(ValueError, match=words):
        call(images, labels)


def test_what_is_not_mixed_is_the_picture_and_all_of_its_target():
    images, labels = example()
    out, targets = mix(images, labels, OneOf(Mixup(), probability=0.0), generator())
    assert torch.equal(out, images)
    assert torch.equal(targets.soft(7), torch.nn.functional.one_hot(labels, 7).float())
    assert targets.weights.tolist() == [[1, 0]] * len(images)


def test_a_wrong_partner_would_be_seen():
    images, labels = example()
    out, targets = mix(images, labels, Mixup(), generator())
    told = (targets.weights * targets.indices.flip(1)).sum(1)
    assert not np.allclose(out.mean(dim=(1, 2, 3)), told, atol=1e-4)


@pytest.mark.parametrize("shape", [(), (3,), (3, 2)])
def test_what_soft_cannot_do_is_told_with_what_does_it(shape):
    values = torch.randn(8, *shape)
    _, mixed = mix(torch.rand(8, 3, 6, 6), values, Mixup())
    with pytest.raises(ValueError, match=r"soft needs class indices .* mix as ") as told:
        mixed.soft(3)
    way_out = str(told.value).partition(" mix as ")[2]
    found = eval(way_out, {"labels": mixed.labels, "weights": mixed.weights})
    torch.testing.assert_close(found, mixed.combine(values))


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
def test_soft_targets_are_float32_whatever_torchs_default(default):
    mixed = Mixed(torch.tensor([[0, 2]]), torch.tensor([[0.25, 0.75]]), torch.tensor([[0, 1]]))
    expected = mixed.soft(3, smoothing=0.1)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        found = mixed.soft(3, smoothing=0.1)
    finally:
        torch.set_default_dtype(before)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
