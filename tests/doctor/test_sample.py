import json

import numpy as np
import pytest

from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.tar_pack import TarPack
from fasttricks.doctor.sample import PlanOf, sample_facts
from fasttricks.errors import DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.fetch import Fetcher
from tests.doctor.sets import make_pack
from tests.pictures import encode, jpeg, smooth_picture


def test_a_plain_picture(folder):
    samples = scan_folder(folder)
    build_index(samples)
    facts = sample_facts(samples, 0, PlanOf())
    assert list(facts) == ["sample", "findings", "picture", "jpeg", "seek index", "plan", "cut"]
    identity = facts["sample"]
    assert identity["name"] == str(folder / "class_0" / "00.jpg")
    assert (identity["class"], identity["target"]) == ("class_0", 0)
    data, stamp = samples.read_stamped(0)
    assert (identity["bytes"], identity["mtime_ns"]) == (len(data), stamp.mtime_ns)
    assert facts["findings"] == {"broken": [], "noted": []}
    assert (facts["picture"]["kind"], facts["picture"]["height"]) == ("plain", 40)
    assert facts["jpeg"]["quality"] == 90
    assert facts["seek index"]["status"] == "can be cut"
    assert facts["seek index"]["points"] == facts["seek index"]["frame"]["points"] > 0
    assert json.loads(json.dumps(facts)) == facts  # plain types only


@pytest.mark.parametrize("train", [True, False])
def test_plan_and_cut_are_the_pipelines(tmp_path, train):
    root = tmp_path / "large" / "class"
    root.mkdir(parents=True)
    for i in range(4):
        (root / f"{i}.jpg").write_bytes(jpeg(300 + 50 * i, 420 - 30 * i, seed=i))
    samples = scan_folder(root.parent)
    fetch, cutter = Fetcher(samples, "raise"), Cutter(samples, True)
    params = Augment().params(size=96, train=train)
    shares = []
    for number in range(len(samples)):
        facts = sample_facts(samples, number, PlanOf(train=train, epoch=3, seed=7, size=96))
        found = fetch(number)
        sides = [found.probe.height], [found.probe.width]
        plan = plan_batch(7, 3, [number], [0], *sides, params)[0][0]
        assert facts["plan"]["box"] == {
            name: plan[name] for name in ("top", "left", "height", "width")
        }
        assert facts["plan"]["flip"] == bool(plan["flip"])
        expected = cutter.cut(found, *needed(plan, 96))
        assert facts["cut"]["bytes"] == len(expected.data)
        assert list(facts["cut"]["holds"].values()) == list(expected[1:])
        shares.append(facts["cut"]["share"])
    assert min(shares) < 0.9


def test_epoch_and_seed_count(folder):
    samples = scan_folder(folder)
    plans = [
        sample_facts(samples, 0, PlanOf(epoch=epoch, seed=seed))["plan"]["box"]
        for epoch, seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert plans[0] != plans[1] != plans[2] != plans[0]


def test_without_an_index_the_cut_is_shown_all_the_same(folder, tmp_path):
    facts = sample_facts(scan_folder(folder), 0, PlanOf())
    assert facts["seek index"]["state"] == "none"
    assert facts["cut"]["possible"] is True
    assert not (tmp_path / "cache").exists()


def test_what_cannot_be_cut_says_why(folder):
    samples = scan_folder(folder)
    build_index(samples)
    number = next(i for i in range(10) if b"\xff\xc2" in samples.read(i))
    facts = sample_facts(samples, number, PlanOf())
    assert facts["seek index"]["status"] == facts["cut"]["reason"] == "progressive"
    assert (facts["cut"]["possible"], facts["cut"]["share"]) == (False, 1.0)


def test_pictures_that_are_no_jpegs():
    samples = Samples([encode(smooth_picture(20, 30, 0), "PNG")], np.array([[0.5, 0.25]]))
    facts = sample_facts(samples, 0, PlanOf())
    assert "jpeg" not in facts
    assert (facts["picture"]["format"], facts["picture"]["kind"]) == ("PNG", "odd")
    assert (facts["sample"]["target"], facts["sample"]["class"]) == ([0.5, 0.25], None)
    assert facts["cut"]["reason"] == "not a JPEG"


def test_broken_pictures(folder):
    samples = scan_folder(folder)
    samples.path(0).write_bytes(jpeg(60, 60)[:-99])
    samples.path(1).unlink()
    facts = sample_facts(samples, 0, PlanOf())
    assert "end-of-image" in facts["findings"]["broken"][0]
    assert facts["jpeg"]["width"] == 60
    assert "plan" not in facts
    facts = sample_facts(samples, 1, PlanOf())
    assert "No such file" in facts["findings"]["broken"][0]
    assert "picture" not in facts


def test_packs_show_their_checksum(folder, tmp_path):
    samples = TarPack(make_pack(tmp_path / "pack", folder))
    facts = sample_facts(samples, 3, PlanOf())
    assert facts["sample"]["crc32"] == f"{samples.members[3]['crc']:08x}"
    assert "modified" not in facts["sample"]
    assert facts["sample"]["name"].endswith("shard-000001.tar/0003.jpg")


@pytest.mark.parametrize("number", [-1, 10, 10**20])
def test_numbers_out_of_range(folder, number):
    with pytest.raises(DataError, match=f"no sample {number}: samples go from 0 to 9"):
        sample_facts(scan_folder(folder), number, PlanOf())


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"epoch": 2**32}, {"seed": 2**64}, {"size": 0}])
def test_plans_that_there_are_not(wrong):
    with pytest.raises(ValueError, match=f"--{next(iter(wrong))} must lie in"):
        PlanOf(**wrong)
