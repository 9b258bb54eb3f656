"""What every pipeline must do alike: the same pictures from the same plan, come what may."""

import numpy as np
import pytest
import torch

from fasttricks import Augment, Samples, make_loader, pipelines
from fasttricks.data import scan_folder
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import BadSampleError, DataError
from fasttricks.kernels import reference
from fasttricks.kernels.plan import plan_batch
from tests.pictures import encode, jpeg, smooth_picture

NAMES = list(pipelines())
SIZE = 49  # odd, and no multiple of any vector width


def require(name):
    state = pipelines()[name]
    if not state.available:
        pytest.skip(state.reason)


@pytest.fixture(scope="session")
def open_loader(tmp_path_factory):
    """make_loader over Samples, packing them first for the pipeline that needs it."""
    packed = {}
    folder = tmp_path_factory.mktemp("betons")

    def open_(name, samples, **options):
        require(name)
        data = samples
        if name == "ffcv":
            from fasttricks.pipelines.beton import pack

            if id(samples) not in packed:
                data = folder / f"{len(packed)}.beton"
                pack(samples, data, workers=1, progress=False)
                packed[id(samples)] = data, samples  # keeping the samples keeps their id
            data = packed[id(samples)][0]
        options = {"batch_size": 8, "size": SIZE, "num_threads": 1, "seed": 11, **options}
        return make_loader(name, data, **options)

    return open_


@pytest.fixture(scope="session")
def pictures(picture_folder):
    return scan_folder(picture_folder)


def plan_of(loader, samples, epoch, index, view=0):
    pixels = decode_rgb(samples.read(index))
    height, width, _ = pixels.shape
    o = loader.options
    arrays = ([index], [view], [height], [width])
    plans, matrices = plan_batch(o.seed, epoch, *arrays, o.params_at(epoch))
    return pixels, plans[0], matrices[0]


def expected_picture(loader, samples, epoch, index, view=0):
    """Float64 [size, size, 3], not rounded: the definition."""
    pixels, p, _ = plan_of(loader, samples, epoch, index, view)
    box = pixels[p["top"] : p["top"] + p["height"], p["left"] : p["left"] + p["width"]]
    size = loader.options.size_at(epoch)
    grid = int(p["grid_height"]), int(p["grid_width"])
    window = int(p["grid_top"]), int(p["grid_left"]), size, size
    picture = reference.resize(box, grid, window, edge=loader.edge)
    return picture[:, ::-1] if p["flip"] else picture


def collect(loader, epochs=1):
    """Everything that a loader gives: [(images, targets)], copied."""
    return [(x.clone(), y.clone()) for _ in range(epochs) for x, y in loader]


def assert_same(left, right):
    assert len(left) == len(right)
    for (x, a), (y, b) in zip(left, right, strict=True):
        assert torch.equal(x, y)
        assert torch.equal(a, b)


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
    truncates = getattr(loader, "truncates", False)
    assert np.abs(errors).max() <= 1 + 1e-3
    assert np.abs(errors).mean() <= (0.55 if truncates else 0.30)
    assert abs(errors.mean()) < (0.51 if truncates else 0.02)


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


@pytest.fixture(scope="session")
def mixed_samples():
    """Good, odd and bad files; the bad ones at 1, 4, 5 and last."""
    whole = jpeg(90, 120, seed=1)
    cmyk = smooth_picture(70, 80, 5, channels=4)
    from PIL import Image

    files = [
        jpeg(60, 70, seed=0),
        whole[: len(whole) // 2],  # 1: cut short
        encode(smooth_picture(50, 60, 2), "PNG"),
        encode(Image.fromarray(cmyk, "CMYK"), quality=90),
        b"",  # 4: empty
        b"not a picture at all",  # 5
        jpeg(1, 1, seed=6),
        encode(smooth_picture(44, 41, 7), "WEBP", lossless=True),
        jpeg(77, 91, seed=8, progressive=True),
        jpeg(64, 64, seed=9, channels=1),
        jpeg(300, 20, seed=10),
        b"\xff\xd8\xff\xd9",  # 11: nothing between start and end
    ]
    return Samples(files, np.arange(len(files)))


REPLACEMENT = {1: 2, 4: 6, 5: 6, 11: 0}


@pytest.mark.parametrize("name", NAMES)
def test_bad_files_are_named(name, mixed_samples, open_loader):
    with (
        open_loader(name, mixed_samples, train=False, batch_size=1) as loader,
        pytest.raises(BadSampleError, match="sample 1") as error,
    ):
        collect(loader)
    assert error.value.index == 1
    assert len(error.value.cause) > 5


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_bad_files_are_replaced_alike(name, train, mixed_samples, open_loader):
    options = {"train": train, "batch_size": 5, "drop_last": False, "on_error": "replace"}
    with open_loader(name, mixed_samples, work="decode", **options) as loader:
        seen = 0
        for step, (images, targets) in enumerate(loader):
            for image, target, asked in zip(images, targets, loader.indices(0, step), strict=True):
                shown = REPLACEMENT.get(int(asked), int(asked))
                assert int(target) == shown
                want = expected_picture(loader, mixed_samples, 0, shown)
                assert np.abs(image.permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3
                seen += 1
        assert seen == len(mixed_samples)
        assert {e.index: e.replacement for e in loader.errors} == REPLACEMENT
        assert all(e.cause and e.name for e in loader.errors)
        assert loader.stats["replaced"] == 4
        # PNG, CMYK and WebP, and each bad file that one of them stands for.
        assert loader.stats["odd"] == 4


@pytest.mark.parametrize("name", NAMES)
def test_nothing_good_at_all(name, open_loader):
    samples = Samples([b"", b"x", b"\xff\xd8"])
    with (
        open_loader(name, samples, on_error="replace", batch_size=1) as loader,
        pytest.raises(DataError, match="none of the 3 pictures"),
    ):
        collect(loader)


@pytest.mark.parametrize("name", NAMES)
def test_every_odd_jpeg(name, shared, open_loader):
    """All of the odd files: the same are rejected by every pipeline, the rest are PIL's pixels."""
    paths = sorted(p for p in shared("odd-jpegs").iterdir() if p.suffix != ".md")
    samples = Samples(paths, np.arange(len(paths)))
    options = {"train": True, "drop_last": False, "on_error": "replace", "work": "decode"}
    wrong = []
    with open_loader(name, samples, **options) as loader:
        for step, (images, targets) in enumerate(loader):
            for image, shown, asked in zip(images, targets, loader.indices(0, step), strict=True):
                want = expected_picture(loader, samples, 0, int(shown))
                if np.abs(image.permute(1, 2, 0).numpy() - want).max() > 1 + 1e-3:
                    wrong.append(paths[int(asked)].name)
        bad = {e.index for e in loader.errors}
    assert not wrong
    for index in range(len(paths)):
        try:
            decode_rgb(samples.read(index))
            assert index not in bad
        except DataError:
            assert index in bad
