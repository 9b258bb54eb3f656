import io

import numpy as np
import pytest
import torch
from PIL import Image

from fasttricks import Cutout, Mixed, Mixup, Samples, make_loader, pipelines
from fasttricks.errors import BadSampleError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.mix.kinds import as_mixes
from fasttricks.show.collect import collect, in_words, positions_of, read_original
from tests.pictures import jpeg

SIZE, SEED, EPOCH, COUNT, GROUP = 32, 5, 2, 21, 4
WANTED = [20, 0, 13]
MEAN, STD = np.array(Augment().mean), np.array(Augment().std)


@pytest.fixture(scope="module", autouse=True)
def roi():
    state = pipelines()["roi"]
    if not state.available:
        pytest.skip(state.reason)


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(1)
    sides = rng.integers(40, 120, (COUNT, 2))
    pictures = [jpeg(int(h), int(w), seed=i) for i, (h, w) in enumerate(sides)]
    return Samples(pictures, np.arange(COUNT) % 3, classes=["cat", "dog", "elk"])


def a_loader(samples, **options):
    options = {"batch_size": GROUP, "mix_group": GROUP, "num_threads": 1, **options}
    common = {"size": SIZE, "seed": SEED, "drop_last": False, "index": False}
    return make_loader("roi", samples, **{**common, **options})


def whole_epoch(samples, **options):
    """By sample index: the finished picture, and its target or its row of `Mixed`."""
    found = {}
    with a_loader(samples, **options) as loader:
        loader.set_epoch(EPOCH)
        for step, (images, targets) in enumerate(loader):
            for row, index in enumerate(loader.indices(EPOCH, step)):
                own = [part[row] for part in targets] if isinstance(targets, Mixed) else None
                found[int(index)] = images[row].clone(), targets[row] if own is None else own
    return found


def test_positions_are_those_of_the_loaders_order(samples):
    with a_loader(samples) as loader:
        order = np.concatenate([loader.indices(EPOCH, step) for step in range(len(loader))])
    positions = positions_of(list(range(COUNT)), SEED, EPOCH, COUNT)
    assert order[positions].tolist() == list(range(COUNT))
    assert sorted(positions) == list(range(COUNT))


@pytest.mark.parametrize("mix", [None, Mixup(1.0), Cutout(9)], ids=str)
def test_what_is_shown_is_the_loaders_own_output(samples, mix):
    by_index = whole_epoch(samples, mix=as_mixes(mix))
    with a_loader(samples, mix=as_mixes(mix)) as loader:
        outputs = collect(loader, EPOCH, WANTED)
    for index, levels, parts in zip(WANTED, outputs.levels, outputs.parts, strict=True):
        image, targets = by_index[index]
        back = (levels - MEAN) / STD
        # Levels up to 300 in float32, divided by 57.
        assert np.abs(back - image.permute(1, 2, 0).numpy()).max() < 1e-5
        assert sum(part.weight for part in parts) == pytest.approx(1, abs=1e-6)
        if isinstance(mix, Mixup):
            assert [part.index for part in parts] == targets[2].tolist()
            assert [part.weight for part in parts] == targets[1].tolist()
            assert [part.target for part in parts] == [samples.classes[k] for k in targets[0]]
            assert parts[0].index == index
        else:
            assert [(p.index, p.target) for p in parts] == [(index, samples.classes[targets])]
    assert not np.array_equal(outputs.levels[0], outputs.levels[1])


@pytest.mark.parametrize("index", WANTED)
def test_the_box_and_the_flip_are_what_the_loader_carried_out(samples, index):
    """Cropping, resizing and mirroring by hand what is drawn gives the loader's uint8 picture."""
    params = Augment().params(size=SIZE, train=True, work="full")
    original = read_original(samples, index, SEED, EPOCH, params)
    with Image.open(io.BytesIO(samples.read(index))) as stored:
        assert np.array_equal(original.pixels, np.asarray(stored.convert("RGB")))
    theirs = whole_epoch(samples, work="decode")[index][0].permute(1, 2, 0).numpy().astype(int)

    def by_hand(top, left, height, width):
        part = Image.fromarray(original.pixels[top : top + height, left : left + width])
        small = np.asarray(part.resize((SIZE, SIZE), Image.Resampling.BILINEAR)).astype(int)
        return small[:, ::-1] if original.flip else small

    top, left, height, width = original.box
    # PIL rounds after each of two passes: at most one level apart.
    assert np.abs(by_hand(*original.box) - theirs).max() <= 1
    wrong = (top, left, height - 4, width) if top == 0 else (top - 1, left, height, width)
    assert np.abs(by_hand(*wrong) - theirs).max() > 5
    assert original.target == samples.classes[index % 3]


def test_both_kinds_of_flip_are_among_those_compared(samples):
    params = Augment().params(size=SIZE, train=True, work="full")
    flips = {read_original(samples, index, SEED, EPOCH, params).flip for index in WANTED}
    assert flips == {False, True}


def test_a_bad_sample_is_an_error_if_asked_for_and_else_replaced_and_told(samples):
    pictures = [samples.read(index) for index in range(COUNT)]
    pictures[13] = b"no picture"
    broken = Samples(pictures, samples.targets)
    neighbour = next(index for index, of in enumerate(_groups()) if of == _groups()[13] != index)
    with a_loader(broken, on_error="replace") as loader:
        with pytest.raises(BadSampleError) as caught:
            collect(loader, EPOCH, [13])
        assert caught.value.index == 13
    with a_loader(broken, on_error="replace") as loader:
        outputs = collect(loader, EPOCH, [neighbour])
    assert len(outputs.replaced) == 1
    assert outputs.replaced[0].startswith("sample 13 (sample 13): ")
    with pytest.raises(BadSampleError):
        read_original(broken, 13, SEED, EPOCH, Augment().params(size=SIZE, train=True, work="full"))


def _groups():
    """The group of each sample."""
    return [position // GROUP for position in positions_of(list(range(COUNT)), SEED, EPOCH, COUNT)]


def test_targets_in_words():
    assert in_words(np.int64(1), ["cat", "dog"]) == "dog"
    assert in_words(np.int64(2), ["cat", "dog"]) == "class 2"
    assert in_words(torch.tensor(0).numpy(), []) == "class 0"
    assert in_words(np.float32(0.25), ["cat"]) == "0.25"
    assert in_words(np.array([0.5, 0.125]), []) == "[0.5   0.125]"
    assert "\n" not in in_words(np.arange(1000), [])
