"""Odd and bad files among pictures that are mixed with each other."""

import numpy as np
import pytest
import torch
from PIL import Image

from fasttricks import RICAP, CutMix, Mixup, Samples
from fasttricks.errors import BadSampleError
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.agreement import NAMES, collect, expected_picture, plan_of
from tests.pipelines.test_mixing import GROUP, by_hand, drawn

MIXES = [Mixup(alpha=2.0), CutMix(), RICAP()]
REPLACEMENT = {2: 3, 5: 7, 6: 7, 11: 0}


@pytest.fixture(scope="session")
def partly_bad():
    """Good and odd files; the bad ones at 2, 5, 6 and last."""
    whole = jpeg(90, 120, seed=1)
    cmyk = smooth_picture(70, 80, 5, channels=4)
    files = [
        jpeg(60, 70, seed=0),
        encode(smooth_picture(50, 60, 2), "PNG"),
        whole[: len(whole) // 2],
        encode(Image.fromarray(cmyk, "CMYK"), quality=90),
        jpeg(77, 91, seed=4, progressive=True),
        b"",
        b"not a picture at all",
        jpeg(64, 64, seed=7, channels=1),
        jpeg(80, 61, seed=8),
        jpeg(52, 99, seed=9),
        jpeg(100, 75, seed=10),
        b"\xff\xd8\xff\xd9",
    ]
    return Samples(files, np.arange(len(files)) + 100)


def finished(loader, samples, index, view):
    """[3, H, W] float64 by definition, and how far it may be off for one level of each channel."""
    matrix = plan_of(loader, samples, 0, index, view)[2].astype(np.float64)
    picture = expected_picture(loader, samples, 0, index, view) @ matrix[:, :3].T + matrix[:, 3]
    return torch.tensor(picture).permute(2, 0, 1), abs(matrix[:, :3]).sum(1).max()


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("mix", MIXES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_what_stands_in_is_mixed_and_named(name, mix, views, partly_bad, open_loader):
    options = {"on_error": "replace", "drop_last": False, "mix": mix, "mix_group": GROUP}
    with open_loader(name, partly_bad, views=views, num_threads=2, **options) as loader:
        seen = 0
        for step, (images, targets) in enumerate(loader):
            asked = loader.indices(0, step)
            shown = [REPLACEMENT.get(int(index), int(index)) for index in asked]
            made = [finished(loader, partly_bad, i, view) for view in range(views) for i in shown]
            mixing = drawn(mix, seen, len(asked), views=views)
            pictures = torch.stack([picture for picture, _ in made])
            near = 1.01 * max(off for _, off in made)
            assert (images - by_hand(pictures, mixing.mixes)).abs().max() < near
            assert (images - by_hand(pictures.roll(1, 0), mixing.mixes)).abs().max() > 10 * near
            samples = torch.tensor(shown * views)[torch.from_numpy(mixing.rows)]
            assert torch.equal(targets.indices, samples)
            assert torch.equal(targets.labels, samples + 100)
            assert np.array_equal(targets.weights, mixing.weights)
            seen += len(asked)
        assert seen == len(partly_bad)
        assert {e.index: e.replacement for e in loader.errors} == REPLACEMENT
        assert loader.stats["replaced"] == len(REPLACEMENT)


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_file_in_a_group_is_named(name, partly_bad, open_loader):
    with (
        open_loader(name, partly_bad, mix=Mixup(), mix_group=GROUP, drop_last=False) as loader,
        pytest.raises(BadSampleError) as error,
    ):
        collect(loader)
    assert error.value.index in REPLACEMENT
