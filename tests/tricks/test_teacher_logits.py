"""Teacher logits in a file."""

import errno
import json
import os

import numpy as np
import pytest
import torch

from fasttricks import Mixup, Samples, make_loader
from fasttricks.errors import DataError
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.tricks import teacher_logits
from fasttricks.tricks.teacher_logits import About, TeacherLogits, fingerprint, record_logits
from tests.pictures import jpeg

COUNT, CLASSES = 10, 7


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    root = tmp_path_factory.mktemp("set")
    paths = [root / f"{i % 3}" / f"{i:02d}.jpg" for i in range(COUNT)]
    for i, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(jpeg(30 + i, 40, seed=i))
    return Samples(paths, np.arange(COUNT) % CLASSES)


def table(dtype=torch.float32):
    return torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(0)).to(dtype)


def about(samples, **changes):
    known = {"format": 1, "data": fingerprint(samples), "model": "resnet152d", "size": 224}
    return lambda: About(**(known | changes))


def write(path, samples, rows=None, order=None, dtype="float32", **changes):
    """Write rows three at a time, in any order."""
    rows = table() if rows is None else rows
    order = np.arange(COUNT) if order is None else np.asarray(order)
    batches = [(order[i : i + 3], rows[order[i : i + 3]]) for i in range(0, len(order), 3)]
    return teacher_logits.write_logits(path, COUNT, batches, about(samples, **changes), dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_written_is_read_whatever_the_order(tmp_path, samples, dtype):
    order = np.random.default_rng(0).permutation(COUNT)
    path = write(tmp_path / "logits.npy", samples, order=order, dtype=dtype)
    teacher = TeacherLogits.open(path, samples)
    assert teacher.table.dtype == getattr(torch, dtype)
    assert torch.equal(teacher.table, table(teacher.table.dtype))
    assert teacher.about.model == "resnet152d"
    assert teacher.about.size == 224
    # Anything that knows NumPy reads it, though JSON stands behind the array.
    assert np.array_equal(np.load(path), table(teacher.table.dtype).numpy())
    assert list(tmp_path.iterdir()) == [path]


def test_a_teacher_is_run_over_a_loader(tmp_path, samples):
    def teacher(images):
        return images.mean((2, 3)) @ torch.arange(12.0).reshape(3, 4)

    with make_loader(
        "torchvision", samples, batch_size=4, train=False, size=32, num_threads=1
    ) as loader:
        path = record_logits(
            tmp_path / "logits.npy", teacher, loader, model="mean", dtype="float32"
        )
        expected = torch.cat([teacher(images) for images, _ in loader])
    kept = TeacherLogits.open(path, samples)
    assert torch.equal(kept.table, expected)
    assert kept.about == About(format=1, data=fingerprint(samples), model="mean", size=32)


def test_probabilities_of_single_and_mixed_pictures(tmp_path, samples):
    teacher = TeacherLogits.open(write(tmp_path / "logits.npy", samples), samples)
    expected = (table().double() / 2).softmax(1)
    own = teacher.probabilities(torch.tensor([3, 1]), 2.0)
    torch.testing.assert_close(own.double(), expected[[3, 1]], rtol=1e-6, atol=1e-7)
    indices = torch.tensor([[3, 1], [2, 2]])
    mixed = Mixed(indices, torch.tensor([[0.25, 0.75], [0.5, 0.5]]), indices)
    both = torch.stack([0.25 * expected[3] + 0.75 * expected[1], expected[2]])
    own = teacher.probabilities(mixed, 2.0)
    torch.testing.assert_close(own.double(), both, rtol=1e-6, atol=1e-7)
    of_mixed_logits = (mixed.combine(table()) / 2).softmax(1)
    assert (own - of_mixed_logits).abs().max() > 1e-3  # the softmaxes are mixed, not the logits


def test_goes_with_what_a_mixing_loader_gives(tmp_path, samples):
    teacher = TeacherLogits.open(write(tmp_path / "logits.npy", samples), samples)
    with make_loader(
        "torchvision", samples, batch_size=5, size=16, num_threads=1, mix=Mixup(), mix_group=5
    ) as loader:
        _, mixed = next(iter(loader))
        seen = torch.from_numpy(loader.indices(0, 0))
    rows = teacher.probabilities(mixed)
    torch.testing.assert_close(rows.sum(1), torch.ones(5))
    assert torch.equal(mixed.indices[:, 0], seen)
    alone = Mixed(mixed.labels, torch.tensor([[1.0, 0.0]] * 5), mixed.indices)
    torch.testing.assert_close(teacher.probabilities(alone), teacher.probabilities(seen))


def test_a_repeated_set_has_the_logits_of_the_set(tmp_path, samples):
    teacher = TeacherLogits.open(write(tmp_path / "logits.npy", samples), samples.repeat(3))
    assert torch.equal(teacher.logits(torch.tensor([2 * COUNT + 4])), table()[[4]])


def test_a_fold_has_the_logits_of_its_pictures(tmp_path, samples):
    path = write(tmp_path / "logits.npy", samples)
    teacher = TeacherLogits.open(path, samples.take([7, 2, 7]))
    assert torch.equal(teacher.logits(torch.tensor([1, 2, 0])), table()[[2, 7, 7]])
    there, indices = teacher.to("meta"), torch.zeros(3, 2, dtype=torch.long, device="meta")
    assert there.logits(indices).shape == (3, 2, CLASSES)


def test_logits_are_recorded_of_whole_sets(tmp_path, samples):
    def record(taken):
        with make_loader(
            "roi", taken, batch_size=4, train=False, size=32, num_threads=1, index=False
        ) as loader:
            return record_logits(
                tmp_path / "x.npy", lambda x: x.mean((2, 3)), loader, model="m", dtype="float32"
            )

    with pytest.raises(DataError, match=r"1 of 10 samples are not in Taken\(9 of .*its `base`"):
        record(samples.take(np.arange(1, COUNT)))
    order = [*range(COUNT)[::-1], 3]
    mixed = TeacherLogits.open(record(samples.take(order)), samples).table.clone()
    assert torch.equal(TeacherLogits.open(record(samples), samples).table, mixed)


def test_folds_are_told_apart(samples):
    sets = [samples, samples.take([1, 2]), samples.take([2, 1]), samples.repeat(2)]
    sets += [samples.take([1, 2, 3]), samples.take(np.arange(COUNT))]
    assert len({fingerprint(taken) for taken in sets}) == len(sets)
    assert fingerprint(samples.take([1, 2]).repeat(1)) == fingerprint(samples.take([1, 2]))


def test_other_data_are_refused(tmp_path, samples):
    path = write(tmp_path / "logits.npy", samples)
    paths = [samples.path(i) for i in range(COUNT)]
    for other in (
        Samples(paths[::-1]),
        Samples(paths[:-1]),
        Samples([jpeg(20, 20, seed=i) for i in range(COUNT)]),
    ):
        with pytest.raises(DataError, match="logits of resnet152d for another data set"):
            TeacherLogits.open(path, other)


def test_a_set_that_moved_or_got_other_labels_is_the_same(tmp_path, samples):
    elsewhere = [tmp_path / "moved" / p.parent.name / p.name for p in map(samples.path, range(10))]
    assert fingerprint(Samples(elsewhere)) == fingerprint(samples)


def test_pictures_in_memory_are_told_by_their_bytes():
    pictures = [jpeg(20, 20, seed=i) for i in range(3)]
    assert fingerprint(Samples(pictures)) == fingerprint(Samples(list(pictures), [1, 2, 3]))
    assert fingerprint(Samples(pictures)) != fingerprint(Samples(pictures[::-1]))
    changed = [*pictures[:2], pictures[2][:-1] + b"\0"]
    assert fingerprint(Samples(pictures)) != fingerprint(Samples(changed))


def test_a_file_appears_whole_or_not_at_all(tmp_path, samples):
    path = write(tmp_path / "logits.npy", samples)
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"3 of 10 samples have no logits \(the first is 7\)"):
        write(path, samples, order=range(7))
    rows = table()
    rows[4, 2] = float("nan")
    with pytest.raises(DataError, match="sample 4 is not finite in float32"):
        write(path, samples, rows=rows)
    rows[4, 2] = 1e5
    with pytest.raises(DataError, match="sample 4 is not finite in float16"):
        write(path, samples, rows=rows, dtype="float16")
    with pytest.raises(RuntimeError):
        teacher_logits.write_logits(path, COUNT, fails_halfway(), about(samples))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def fails_halfway():
    yield np.arange(5), table()[:5]
    raise RuntimeError("the teacher fails")


def test_a_full_disk_is_told_before_the_work(tmp_path, samples, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match="No space left on device"):
        write(tmp_path / "logits.npy", samples)
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_refused(tmp_path, samples):
    path = write(tmp_path / "logits.npy", samples)
    whole = path.read_bytes()
    for bad in (b"", whole[:-1], whole[: len(whole) // 2], whole[:-20] + b"x" * 4 + whole[-16:]):
        path.write_bytes(bad)
        with pytest.raises(DataError, match="no teacher logits"):
            TeacherLogits.open(path, samples)
    for bad in (b"\xff\xff", b"\0\0"):  # the length of the array's header
        path.write_bytes(whole[:8] + bad + whole[10:])
        with pytest.raises(DataError, match="is damaged: NumPy cannot map its array"):
            TeacherLogits.open(path, samples)
    with pytest.raises(DataError, match="No such file"):
        TeacherLogits.open(tmp_path / "nothing.npy", samples)
    with pytest.raises(DataError, match="of this version"):
        TeacherLogits.open(write(path, samples, format=2), samples)
    plain = tmp_path / "plain.npy"
    np.save(plain, table().numpy())
    with pytest.raises(DataError, match="no teacher logits"):
        TeacherLogits.open(plain, samples)


def test_says_what_it_is_of_behind_the_array(tmp_path, samples):
    data = write(tmp_path / "logits.npy", samples).read_bytes()
    length = int.from_bytes(data[-16:-8], "little")
    assert json.loads(data[-16 - length : -16])["model"] == "resnet152d"


def test_the_table_must_be_where_the_indices_are(tmp_path, samples):
    teacher = TeacherLogits.open(write(tmp_path / "logits.npy", samples), samples)
    indices = torch.zeros(3, 2, dtype=torch.long, device="meta")
    with pytest.raises(ValueError, match=r"copy them once with to\('meta'\)"):
        teacher.probabilities(indices[:, 0])
    # On `meta` there are no values: anything that waits for the device fails.
    there = teacher.to("meta")
    there.probabilities(Mixed(indices, torch.rand(3, 2, device="meta"), indices), 20.0)
