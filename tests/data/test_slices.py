import gc
import os
import pickle
import resource
import threading
import time

import numpy as np
import pytest

from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.slices import OpenFiles, Slices
from fasttricks.errors import BadSampleError, DataError
from tests.descriptors import open_under


@pytest.fixture
def files(tmp_path):
    """Files of 1000 bytes, each of one kind."""
    paths = [tmp_path / f"{n}.bin" for n in range(9)]
    for n, path in enumerate(paths):
        path.write_bytes(bytes([n]) * 1000)
    return paths


def slices(files, count=40, **options):
    rng = np.random.default_rng(0)
    return Slices(
        files,
        file=rng.integers(0, len(files), count),
        offset=rng.integers(0, 900, count),
        size=rng.integers(0, 100, count),
        names=[f"c/{n}.jpg".encode() for n in range(count)],
        **options,
    )


def test_bytes_names_and_stamps(files):
    samples = slices(files, targets=np.arange(40), classes=["a"])
    for i in range(40):
        data, stamp = samples.read_stamped(i)
        assert data == bytes([samples.file[i]]) * int(samples.size[i])
        assert stamp == Stamp(len(data), files[samples.file[i]].stat().st_mtime_ns)
        assert samples.stamp(i) == stamp
        assert samples.name(i) == f"{files[samples.file[i]]}/c/{i}.jpg"
        assert samples.member(i) == f"c/{i}.jpg".encode()
        assert samples.path(i) is None
    assert samples.targets.tolist() == list(range(40))
    assert samples.classes == ["a"]
    assert not samples.in_memory
    assert isinstance(samples, Samples)


def test_places_of_no_samples(files):
    assert len(slices(files).places(np.zeros(0, np.int64)).table) == 0


def test_offsets_are_exact(tmp_path):
    content = np.random.default_rng(1).bytes(5000)
    (tmp_path / "x").write_bytes(content)
    one = {"file": np.zeros(1, int), "names": [b"n"]}
    for begin, size in ((0, 5000), (4999, 1), (5000, 0), (123, 4567)):
        found = Slices([tmp_path / "x"], offset=np.array([begin]), size=np.array([size]), **one)
        assert found.read(0) == content[begin : begin + size]


def test_repeats_read_the_same_and_name_their_own_index(files):
    samples = slices(files)
    thrice = samples.repeat(3)
    assert thrice.read_stamped(2 * 40 + 7) == samples.read_stamped(7)
    assert thrice.name(47) == samples.name(7)
    assert thrice.stamp(47) == samples.stamp(7)
    files[samples.file[7]].unlink()
    samples.close()
    with pytest.raises(BadSampleError, match="No such file") as error:
        thrice.read(47)
    assert error.value.index == 47
    assert isinstance(error.value.__cause__, FileNotFoundError)


def test_pickled_slices_open_their_files_anew(files):
    samples = slices(files)
    samples.read(0)
    again = pickle.loads(pickle.dumps(samples))
    assert [again.read(i) for i in range(40)] == [samples.read(i) for i in range(40)]


def test_what_cannot_be_read_is_named(files, tmp_path):
    os.truncate(files[0], 10)
    files[1].unlink()
    files[2].unlink()
    os.mkfifo(files[2])
    files[3].unlink()
    files[3].mkdir()
    samples = Slices(
        files, file=np.arange(5), offset=np.full(5, 5), size=np.full(5, 50), names=[b"x"] * 5
    )
    causes = ["cut short: 10 bytes, 55 needed", "No such file", "not a regular", "not a regular"]
    for index, cause in enumerate(causes):
        with pytest.raises(BadSampleError, match=cause) as error:
            samples.read(index)
        assert error.value.name == f"{files[index]}/x"
    assert samples.read(4) == bytes([4]) * 50
    assert samples.stamp(1) is None


def test_numbers_that_do_not_belong_together(files):
    with pytest.raises(DataError, match="40 pictures but 3 targets"):
        slices(files, targets=[1, 2, 3])
    with pytest.raises(DataError, match="no pictures"):
        slices(files, count=0)


def test_files_stay_open_up_to_a_bound_and_close_with_their_owner(files):
    kept = OpenFiles(files, limit=3)
    for number in (0, 1, 0, 2, 3, 4, 0, 5):
        assert kept[number].read(1, 0) == bytes([number])
        assert open_under(files[0].parent) <= 3
    held = kept[0]
    kept.close()
    assert open_under(files[0].parent) == 1
    assert held.read(2, 0) == b"\0\0"
    del held, kept
    gc.collect()
    assert open_under(files[0].parent) == 0


def test_the_bound_follows_the_limit_of_the_process(files):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = len(os.listdir("/proc/self/fd"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 4, hard))
        kept = OpenFiles(files)
        assert kept._limit == (taken + 4) // 2
        for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 0):  # more than there are descriptors left
            assert kept[number].read(1, 0) == bytes([number])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_threads_and_few_descriptors(files):
    """Whoever reads has the file that was asked for, however fast others replace it."""
    samples = slices(files, count=300)
    samples._open = OpenFiles(files, limit=2)
    wrong, stop = [], time.monotonic() + 1

    def read(seed):
        rng = np.random.default_rng(seed)
        while time.monotonic() < stop:
            i = int(rng.integers(300))
            if samples.read(i) != bytes([samples.file[i]]) * int(samples.size[i]):
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert open_under(files[0].parent) <= 2
