"""Mixing and erasing through every pipeline: the pictures that were drawn, with their targets."""

from functools import partial

import numpy as np
import pytest
import torch

from fasttricks import RICAP, CutMix, Cutout, Mixed, Mixup, OneOf, RandomErasing
from fasttricks.kernels.mix.description import CONSTANT
from fasttricks.kernels.mix.kinds import as_mixes
from fasttricks.kernels.mix.plan import Place, plan_mix
from fasttricks.pipelines import finishing
from tests.pipelines.agreement import NAMES, SIZE

GROUP = 4
MIXES = [
    Mixup(),
    Mixup(per="batch"),
    Mixup(pairing="two-batches"),
    CutMix(),
    RICAP(),
    Cutout(20),
    (CutMix(), RandomErasing(1.0, fill="channel")),
    (OneOf(Mixup(), CutMix(), probability=0.8), RandomErasing(0.5, fill="channel")),
]
CHANCE = OneOf(Mixup(), CutMix(), RICAP(), probability=0.7)
KINDS = [Mixup(), RICAP(), Cutout(20), CHANCE]  # one partner, four, none, and any number


def by_hand(images, mixes):
    """float64 [B, 3, H, W]: finished pictures put together pixel by pixel, as `mixes` says."""
    out = []
    for one in mixes:
        own = images[one["own"]].double()
        picture = own.clone()
        for patch in one["patches"][: one["count"]]:
            top, left, height, width = (int(patch[k]) for k in ("top", "left", "height", "width"))
            there = (slice(None), slice(top, top + height), slice(left, left + width))
            if patch["source"] == CONSTANT:
                shown = torch.tensor(patch["value"]).double()[:, None, None]
            else:
                y, x = int(patch["from_top"]), int(patch["from_left"])
                shown = images[patch["source"], :, y : y + height, x : x + width].double()
            weight = float(patch["weight"])
            picture[there] = weight * shown + (1 - weight) * own[there]
        out.append(picture)
    return torch.stack(out)


def drawn(mix, first, count, views=1, batch=None, seed=11, epoch=0):
    place = Place(seed, epoch, first, first if batch is None else batch, GROUP)
    return plan_mix(as_mixes(mix), place, count, views, SIZE, SIZE)


def collected(open_loader, name, samples, mix, steps=2, epoch=0, **options):
    options = {"mix_group": GROUP, "mix": mix, **options}
    with open_loader(name, samples, **options) as loader:
        loader.set_epoch(epoch)
        found = []
        for images, targets in loader:
            found.append((images.clone(), targets))
            if len(found) == steps:
                break
        return found, [loader.indices(epoch, step) for step in range(len(found))]


def rows(indices, views):
    return torch.from_numpy(np.tile(indices, views))


@pytest.mark.parametrize("mix", MIXES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_pictures_and_targets_are_mixed_as_drawn(name, mix, pictures, open_loader):
    read = 16 if mix == Mixup(pairing="two-batches") else 8
    plain, order = collected(open_loader, name, pictures, None, batch_size=read)
    mixed, same_order = collected(open_loader, name, pictures, mix)
    labels = torch.from_numpy(pictures.targets)
    for step, ((before, _), (after, targets)) in enumerate(zip(plain, mixed, strict=False)):
        assert np.array_equal(order[step], same_order[step])
        mixing = drawn(mix, step * read, read)
        assert after.is_contiguous(memory_format=torch.channels_last)
        # Sums of a few float32 products of numbers below 8.
        torch.testing.assert_close(after.double(), by_hand(before, mixing.mixes), rtol=0, atol=2e-5)
        samples = torch.from_numpy(order[step][mixing.rows])
        if mixing.rows.shape[1] == 1:
            assert torch.equal(targets, labels[samples[:, 0]])
        else:
            assert isinstance(targets, Mixed)
            assert torch.equal(targets.indices, samples)
            assert torch.equal(targets.labels, labels[samples])
            assert np.array_equal(targets.weights, mixing.weights)
    wrong = by_hand(plain[0][0], drawn(mix, read, read).mixes)
    assert (mixed[0][0] - wrong).abs().max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_every_epoch_is_mixed_anew(name, pictures, open_loader):
    mix = (CutMix(), RandomErasing(1.0, fill="channel"))
    (plain,), (order,) = collected(open_loader, name, pictures, None, steps=1, epoch=3)
    (mixed,), (same_order,) = collected(open_loader, name, pictures, mix, steps=1, epoch=3)
    assert np.array_equal(order, same_order)
    mixing = drawn(mix, 0, 8, epoch=3)
    want = by_hand(plain[0], mixing.mixes)
    torch.testing.assert_close(mixed[0].double(), want, rtol=0, atol=2e-5)
    assert np.array_equal(mixed[1].indices, order[mixing.rows])
    first = by_hand(plain[0], drawn(mix, 0, 8).mixes)
    assert (mixed[0] - first).abs().max() > 0.1


@pytest.mark.parametrize("mix", KINDS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_views_are_mixed_with_their_own_kind(name, mix, pictures, open_loader):
    plain, order = collected(open_loader, name, pictures, None, steps=1, views=2)
    mixed, _ = collected(open_loader, name, pictures, mix, steps=1, views=2)
    mixing = drawn(mix, 0, 8, views=2)
    want = by_hand(plain[0][0], mixing.mixes)
    torch.testing.assert_close(mixed[0][0].double(), want, rtol=0, atol=2e-5)
    samples = rows(order[0], 2)[torch.from_numpy(mixing.rows)]
    targets = mixed[0][1]
    told = targets.indices if isinstance(targets, Mixed) else samples
    assert torch.equal(told, samples)


@pytest.mark.parametrize("mix", KINDS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_world_size_changes_nothing(name, mix, pictures, open_loader):
    (alone, alone_targets), *_ = collected(open_loader, name, pictures, mix, steps=1)[0]
    parts = [
        collected(open_loader, name, pictures, mix, steps=1, batch_size=4, rank=rank, world_size=2)[
            0
        ][0]
        for rank in (0, 1)
    ]
    assert torch.equal(torch.cat([images for images, _ in parts]), alone)
    if isinstance(alone_targets, Mixed):
        for column, whole in enumerate(alone_targets):
            assert torch.equal(torch.cat([targets[column] for _, targets in parts]), whole)


@pytest.mark.parametrize("name", NAMES)
def test_mixing_goes_on_where_it_was_resumed(name, pictures, open_loader):
    options = {"mix": CHANCE, "mix_group": GROUP}
    with open_loader(name, pictures, **options) as loader:
        for step, _ in enumerate(loader):
            if step == 0:
                state = loader.state_dict()
            if step == 1:
                break
        loader.load_state_dict(state)
        first, _ = next(iter(loader))
        first = first.clone()
    whole, _ = collected(open_loader, name, pictures, CHANCE)
    assert torch.equal(first, whole[1][0])


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_drawn_for_the_sample_and_stays_in_its_rectangle(name, pictures, open_loader):
    mix = RandomErasing(1.0)
    ((before, _),), _ = collected(open_loader, name, pictures, None, steps=1)
    ((after, _),), _ = collected(open_loader, name, pictures, mix, steps=1)
    ((again, _),), _ = collected(open_loader, name, pictures, mix, steps=1, num_threads=2)
    assert torch.equal(after, again)
    inside = torch.zeros_like(before, dtype=torch.bool)
    for picture, one in zip(inside, drawn(mix, 0, 8).mixes, strict=True):
        p = one["patches"][0]
        picture[:, p["top"] : p["top"] + p["height"], p["left"] : p["left"] + p["width"]] = True
    assert torch.equal(after[~inside], before[~inside])
    noise = after[inside]
    assert abs(noise.mean()) < 5 / noise.numel() ** 0.5
    assert abs(noise.std() - 1) < 5 / (2 * noise.numel()) ** 0.5


def test_a_backend_that_needs_to_know_is_told_of_noise(pictures, open_loader, monkeypatch):
    """Numba draws what it meets; torch and Triton leave noise out where none is promised.
    `dali` finishes in this process."""
    options = {"mix": RandomErasing(1.0), "steps": 1}
    ((numba, _),), _ = collected(open_loader, "dali", pictures, **options)
    monkeypatch.setattr(finishing, "finish", partial(finishing.finish, backend="torch"))
    ((by_torch, _),), _ = collected(open_loader, "dali", pictures, **options)
    torch.testing.assert_close(by_torch, numba, rtol=0, atol=1e-4)


def test_half_precision_is_rounded_once(pictures, open_loader):
    name = "torchvision"
    ((exact, _),), _ = collected(open_loader, name, pictures, Mixup(), steps=1)
    for dtype in (torch.float16, torch.bfloat16):
        ((half, _),), _ = collected(open_loader, name, pictures, Mixup(), steps=1, dtype=dtype)
        assert torch.equal(half, exact.to(dtype))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mix": Mixup(), "mix_group": 5}, "groups of 5 samples, and a batch of 8 is no multiple"),
        ({"mix": Mixup(), "train": False}, "mix is for training"),
        ({"mix": Cutout(3), "work": "decode"}, "mix needs finished pictures"),
        ({"mix": "mixup"}, "must be a fasttricks Mixup"),
        ({"mix": Mixup(), "mix_group": 0}, "mix_group must be an integer >= 1"),
    ],
)
def test_what_cannot_be_is_refused(options, words, pictures, open_loader):
    with pytest.raises(ValueError, match=words):
        open_loader("torchvision", pictures, **options)
