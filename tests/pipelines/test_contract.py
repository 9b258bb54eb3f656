"""What every pipeline must do alike: the same pictures from the same plan, come what may."""

from itertools import islice

import numpy as np
import pytest
import torch

from fasttricks import Augment
from tests.pipelines.agreement import (
    NAMES,
    SIZE,
    assert_same,
    collect,
    expected_picture,
    plan_of,
)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_the_references(name, train, pictures, open_loader):
    errors = []
    with open_loader(name, pictures, work="decode", train=train, drop_last=False) as loader:
        for step, (images, targets) in enumerate(loader):
            assert images.dtype == torch.uint8
            assert images.is_contiguous(memory_format=torch.channels_last)
            indices = loader.indices(0, step)
            assert targets.tolist() == pictures.targets[indices].tolist()
            for image, index in zip(images, indices, strict=True):
                want = expected_picture(loader, pictures, 0, int(index))
                errors.append(image.permute(1, 2, 0).numpy() - want)
    assert len(errors) == len(pictures)
    errors = np.stack(errors)
    assert np.abs(errors).max() <= 1 + 1e-3
    assert np.abs(errors).mean() <= 0.30
    assert abs(errors.mean()) < 0.02


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_bicubic_pixels_are_the_references(name, train, pictures, open_loader):
    """Cut files hold all that the wider filter needs, and a crop's rim is where it was."""
    augment = Augment(interpolation="bicubic")
    options = {"work": "decode", "train": train, "augment": augment, "drop_last": False}
    errors, others = [], []
    with open_loader(name, pictures, **options) as loader:
        for step, (images, _) in enumerate(loader):
            for image, index in zip(images, loader.indices(0, step), strict=True):
                got = image.permute(1, 2, 0).numpy()
                given = loader, pictures, 0, int(index)
                errors.append(got - expected_picture(*given))
                others.append(got - expected_picture(*given, interpolation="bilinear"))
    # PIL, which clips after each axis, rounds there too: half a level, times less than 1.3.
    most = 1 if loader.clip == "last" else 0.5 + 0.65 + 0.1
    assert np.abs(errors).max() <= most + 1e-3
    assert np.abs(errors).mean() <= 0.30
    assert abs(np.mean(errors)) < 0.02
    assert np.abs(others).max() > 5


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_plan_would_be_noticed(name, pictures, open_loader):
    """The bound above tells one plan from another."""
    with open_loader(name, pictures, work="decode", train=True) as loader:
        images, _ = next(iter(loader))
        row = next(i for i, image in enumerate(images) if not torch.equal(image[0], image[2]))
        index = int(loader.indices(0, 0)[row])
        got = images[row].permute(1, 2, 0).numpy()
        for wrong in (
            expected_picture(loader, pictures, 1, index),
            expected_picture(loader, pictures, 0, index, view=1),
            expected_picture(loader, pictures, 0, index)[:, ::-1],
            expected_picture(loader, pictures, 0, index)[..., ::-1],
        ):
            assert np.abs(got - wrong).max() > 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_full_work_is_the_references(name, dtype, pictures, open_loader):
    half_ulp = {torch.float32: 2**-24, torch.float16: 2**-11, torch.bfloat16: 2**-8}[dtype]
    with open_loader(name, pictures, dtype=dtype) as loader:
        images, _ = next(iter(loader))
        assert images.dtype == dtype
        assert images.is_contiguous(memory_format=torch.channels_last)
        for image, index in zip(images, loader.indices(0, 0), strict=True):
            pixels = expected_picture(loader, pictures, 0, int(index))
            _, _, matrix = plan_of(loader, pictures, 0, int(index))
            a, b = matrix[:, :3].astype(float), matrix[:, 3].astype(float)
            want = pixels @ a.T + b
            # The pixels may be off by one level, each; then the rounding of the output type.
            slack = (1 + 1e-3) * np.abs(a).sum(1)
            slack = slack + half_ulp * (np.abs(want) + slack) + 1e-4
            got = image.permute(1, 2, 0).float().numpy()
            assert (np.abs(got - want) <= slack).all()


@pytest.mark.parametrize("name", NAMES)
def test_normalise_leaves_colour_alone(name, pictures, open_loader):
    with (
        open_loader(name, pictures, work="normalise") as loader,
        open_loader(name, pictures, augment=Augment(color="none")) as plain,
    ):
        (left, _), (right, _) = next(iter(loader)), next(iter(plain))
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", ["torchvision", "roi", "dali"])
def test_cutting_changes_nothing(name, train, pictures, open_loader):
    """Bit for bit: whatever was cut, the decoder gave the pixels of the whole file."""
    options = {"train": train, "drop_last": False, "work": "decode"}
    with open_loader(name, pictures, **options) as loader:
        cut = collect(loader, epochs=3)
    with open_loader(name, pictures, cut=False, **options) as loader:
        whole = collect(loader, epochs=3)
    if name == "torchvision" and not train:
        # PIL takes the window as float32, which rounds differently once its origin has moved.
        pairs = zip(cut, whole, strict=True)
        difference = torch.cat([(x.int() - y.int()).abs() for (x, _), (y, _) in pairs])
        assert difference.max() <= 1
        assert difference.float().mean() < 1e-3
    else:
        assert_same(cut, whole)


@pytest.mark.filterwarnings("ignore:numba has:UserWarning")  # ffcv has no more threads than CPUs
@pytest.mark.parametrize("name", NAMES)
def test_thread_counts_change_nothing(name, pictures, open_loader):
    runs = []
    for threads in (1, 2, 4):
        with open_loader(name, pictures, num_threads=threads, drop_last=False) as loader:
            runs.append(collect(loader, epochs=2))
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])
    first, second = runs[0][: len(runs[0]) // 2], runs[0][len(runs[0]) // 2 :]
    assert not torch.equal(first[0][0], second[0][0])


@pytest.mark.parametrize("name", NAMES)
def test_world_sizes_change_nothing(name, pictures, open_loader):
    with open_loader(name, pictures, batch_size=8) as loader:
        whole = collect(loader)
    for world in (2, 4):
        ranks = []
        for rank in range(world):
            options = {"batch_size": 8 // world, "rank": rank, "world_size": world}
            with open_loader(name, pictures, **options) as loader:
                ranks.append(collect(loader))
        gathered = [
            (torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts]))
            for parts in zip(*ranks, strict=True)
        ]
        assert_same(whole, gathered)


@pytest.mark.parametrize("name", NAMES)
def test_resume_in_mid_epoch_is_exact(name, pictures, open_loader):
    with open_loader(name, pictures) as loader:
        expected = collect(loader, epochs=2)
    with open_loader(name, pictures) as loader:
        got = []
        for pair in loader:
            got.append((pair[0].clone(), pair[1].clone()))
            if len(got) == 2:
                break
        state = loader.state_dict()
    with open_loader(name, pictures, seed=0) as loader:
        loader.load_state_dict(state)
        assert_same(got + collect(loader, epochs=2), expected)


@pytest.mark.parametrize("name", NAMES)
def test_counting_to_the_length_is_as_good_as_reading_to_the_end(name, pictures, open_loader):
    """Trainers that ask for `len(loader)` batches and no more get epoch after epoch, too."""
    with open_loader(name, pictures) as loader:
        expected = collect(loader, epochs=3)
    with open_loader(name, pictures) as loader:
        counted = [pair for _ in range(3) for pair in collect(islice(loader, len(loader)))]
    assert_same(counted, expected)


@pytest.mark.parametrize("name", NAMES)
def test_views_are_view_major_and_differ(name, pictures, open_loader):
    with open_loader(name, pictures, work="decode", views=2) as loader:
        images, targets = next(iter(loader))
        assert images.shape == (16, 3, SIZE, SIZE)
        assert torch.equal(*targets.chunk(2))
        index = int(loader.indices(0, 0)[3])
        for view in range(2):
            got = images[view * 8 + 3].permute(1, 2, 0).numpy()
            want = expected_picture(loader, pictures, 0, index, view)
            assert np.abs(got - want).max() <= 1 + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_leaving_early_and_starting_again(name, pictures, open_loader):
    with open_loader(name, pictures) as loader:
        expected = collect(loader)
        for stop in (1, 2, 3):
            loader.set_epoch(1)
            loader.set_epoch(0)
            for step, _ in enumerate(loader):
                if step == stop:
                    break
        loader.set_epoch(1)
        loader.set_epoch(0)
        assert_same(collect(loader), expected)


@pytest.mark.parametrize("name", NAMES)
def test_batches_stay_as_they_were_given(name, pictures, open_loader):
    """A batch is the caller's: later ones must not be written over it."""
    with open_loader(name, pictures, batch_size=2) as loader:
        kept = [(images, targets, images.clone()) for images, targets in loader]
    assert all(torch.equal(images, copy) for images, _, copy in kept)


@pytest.mark.parametrize("name", NAMES)
def test_size_may_follow_the_epoch(name, pictures, open_loader):
    with open_loader(name, pictures, work="decode", size=lambda epoch: 32 + 17 * epoch) as loader:
        for epoch in (0, 1, 2, 0):
            loader.set_epoch(epoch)
            images, _ = next(iter(loader))
            assert images.shape[2:] == (32 + 17 * epoch,) * 2
            want = expected_picture(loader, pictures, epoch, int(loader.indices(epoch, 0)[0]))
            assert np.abs(images[0].permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_loader_says_so(name, pictures, open_loader):
    loader = open_loader(name, pictures)
    loader.close()
    loader.close()
    with pytest.raises(RuntimeError, match="this loader is closed"):
        iter(loader)
    assert f"({len(pictures)} samples, batch " in repr(loader)
