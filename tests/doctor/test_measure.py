import time
from typing import ClassVar

import pytest

from fasttricks.bench.contender import RowFailedError
from fasttricks.bench.stats import Round
from fasttricks.cache import cache_dir
from fasttricks.data.folder import scan_folder
from fasttricks.data.open import open_data
from fasttricks.doctor import measure as module
from fasttricks.doctor.measure import measure
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.doctor.machines import ALL, facts, machine, small
from tests.doctor.sets import make_pack

COMPILED = cache_dir() / "numba"  # of whoever runs the tests: compiling anew would take a minute


class Fake:
    """A contender that starts no process; `behave` is called with its settings."""

    started: ClassVar = []

    def __init__(self, row, settings, warmup, guard, patience_s):
        self.row, self.settings, self.patience_s = row, settings, patience_s

    def start(self):
        Fake.started.append(self.settings)
        self.behave(self)

    def behave(self, contender):
        """Nothing goes wrong."""

    def round(self, seconds, limit):
        return Round(images=100, seconds=0.5, gaps=[0.1], cpu_s=0.4)

    def close(self, patience_s):
        """Nothing to end."""


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(module, "Contender", Fake)
    monkeypatch.setattr(Fake, "started", [])
    return Fake


def here(folder, cores=4, **changes):
    return facts(machine(cores=cores), small(name=str(folder), **changes))


def test_a_real_pipeline_leaves_nothing_behind(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TIMED_S", 0.05)
    monkeypatch.setattr(module, "WARM_UP_S", 0.0)
    monkeypatch.setattr(module, "ORDER", ("roi",))
    cache_dir().mkdir()
    COMPILED.mkdir(parents=True, exist_ok=True)
    (cache_dir() / "numba").symlink_to(COMPILED)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(scratch))
    (rate,), left_out = measure(here(folder, 1), scan_folder(folder), range(10), budget_s=300.0)
    assert left_out == {}
    assert (rate.pipeline, rate.threads, rate.device) == ("roi", 1, "cpu")
    assert rate.images_per_s > 0
    assert rate.cpu_s_per_1000 >= 0
    assert list(scratch.iterdir()) == []
    assert list((cache_dir() / "index").glob("*.seek")) == []


def test_each_gets_the_threads_of_one_process_and_the_same_files(folder, fake):
    found, left_out = measure(here(folder), scan_folder(folder), range(10), budget_s=60.0)
    assert [rate.pipeline for rate in found] == list(module.ORDER)
    assert left_out == {}
    assert {rate.images_per_s for rate in found} == {200.0}
    assert {rate.cpu_s_per_1000 for rate in found} == {4.0}
    assert {one["threads"] for one in fake.started} == {4}
    assert {one["batch_size"] for one in fake.started} == {10}
    assert len({one["root"] for one in fake.started}) == 1
    assert [bool(one["pack"]) for one in fake.started] == [False] * 4 + [True]  # ffcv's .beton


def test_what_fails_is_said_and_the_others_go_on(folder, fake, monkeypatch):
    def behave(self, contender):
        if contender.row.name == "dali":
            raise RowFailedError("dali x4", "no driver", [])

    monkeypatch.setattr(fake, "behave", behave)
    found, left_out = measure(here(folder), scan_folder(folder), range(10), budget_s=60.0)
    assert [rate.pipeline for rate in found] == ["roi", "resident", "torchvision", "ffcv"]
    assert left_out == {"dali": "dali x4 failed: no driver"}


def test_the_time_is_kept(folder, fake, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])

    def behave(self, contender):
        clock[0] += 40.0 if contender.row.name == "roi" else contender.patience_s
        if contender.row.name != "roi":
            raise RowFailedError("it", "nothing heard from it", [])

    monkeypatch.setattr(fake, "behave", behave)
    found, left_out = measure(here(folder), scan_folder(folder), range(10), budget_s=50.0)
    assert [rate.pipeline for rate in found] == ["roi"]
    assert left_out.pop("resident") == "it was not ready within 10 s"
    assert set(left_out.values()) == {"the 50 seconds for measuring were over"}
    assert time.monotonic() == 50.0


def test_what_cannot_be_measured_is_said(folder, fake):
    some = machine(pipelines=ALL | {"dali": "nvidia.dali is not installed: pip"}, shared_bytes=10)
    found, left_out = measure(
        facts(some, small(name=str(folder))), scan_folder(folder), range(10), budget_s=60.0
    )
    assert left_out == {
        "dali": "nvidia.dali is not installed: pip",
        "resident": "the decoded pictures do not fit in memory",
    }
    assert [rate.pipeline for rate in found] == ["roi", "torchvision", "ffcv"]
    few = measure(here(folder), scan_folder(folder), [1, 2], budget_s=60.0)
    assert few[0] == ()
    assert set(few[1].values()) == {"only 2 pictures to measure on"}


def test_packed_pictures_are_taken_out_and_a_beton_is_read_as_it_is(folder, tmp_path, fake):
    source = open_data(make_pack(tmp_path / "pack", folder))
    found, _ = measure(here(tmp_path / "pack", kind="pack"), source, range(10), budget_s=60.0)
    assert len(found) == 5
    path = tmp_path / "a.beton"
    pack(folder, path, progress=False)
    found, left_out = measure(here(path, kind="beton"), Beton(path), range(10), budget_s=60.0)
    assert [rate.pipeline for rate in found] == ["ffcv"]
    assert set(left_out.values()) == {"reads no .beton"}
    assert fake.started[-1]["pack"] == str(path)
    assert path.exists()
