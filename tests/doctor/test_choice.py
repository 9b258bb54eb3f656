import pytest

from fasttricks.doctor.choice import choose, keeps_in, limit
from fasttricks.doctor.facts import Disk
from tests.doctor.machines import ALL, GB, H100, V100, facts, imagenet, machine, rates, small


def chosen(*arguments, **changes):
    choice = choose(facts(*arguments, **changes))
    return choice.pipeline, choice.device


def test_the_fastest_that_was_measured():
    measured = rates(roi=9000, dali=12_000, torchvision=4000, ffcv=20_000)
    assert chosen(machine(), imagenet(), measured) == ("dali", "cpu")  # ffcv reads no folder
    assert chosen(machine(), imagenet(kind="pack"), measured) == ("ffcv", "cpu")
    why = choose(facts(machine(), imagenet(), measured)).why
    assert "1.33 times roi" in why


def test_roi_where_another_is_barely_faster():
    assert chosen(machine(), imagenet(), rates(roi=9700, dali=10_000)) == ("roi", "cpu")
    assert chosen(machine(), imagenet(), rates(roi=9000, dali=10_000)) == ("dali", "cpu")


def test_decoded_pictures_are_kept_where_they_fit():
    # 10,000 pictures are 6 GB decoded, all of ImageNet is 769 GB.
    assert chosen(machine(), small()) == ("resident", "cpu")
    assert chosen(machine(memory=14 * GB), small())[0] == "roi"  # half of it may be shared
    assert chosen(machine(), imagenet())[0] == "roi"
    assert chosen(machine(gpus=[H100]), small()) == ("resident", "cuda")
    assert keeps_in(facts(machine(gpus=[V100]), small())) == "cuda"
    assert keeps_in(facts(machine(gpus=[V100, H100]), imagenet(pictures=20_000))) == "cpu"
    assert keeps_in(facts(machine(), None)) == ""


@pytest.mark.parametrize(("gigabytes", "where"), [(39, "cuda"), (41, "cpu"), (51, "cpu"), (52, "")])
def test_half_of_a_gpu_and_most_of_the_shared_memory(gigabytes, where):
    # Half of 80 GB; and 80 % of 64 GB are 51.2 GB.
    big = machine(gpus=[H100], memory=128 * GB)
    assert keeps_in(facts(big, imagenet(pictures=gigabytes * GB // 600_000))) == where


def test_resident_has_to_be_as_fast_as_it_should_be():
    assert chosen(machine(), small(), rates(resident=50_000, roi=9000))[0] == "resident"
    assert chosen(machine(), small(), rates(resident=5000, roi=9000))[0] == "roi"


def test_a_beton_is_for_ffcv():
    assert chosen(machine(), small(kind="beton"))[0] == "ffcv"
    without = machine(pipelines=ALL | {"ffcv": "ffcv is not installed: pip install x"})
    assert chosen(without, small(kind="beton"))[0] == ""


def test_unmeasured_the_jpeg_engine_counts():
    assert chosen(machine(gpus=[H100]), imagenet()) == ("dali", "cuda")
    assert chosen(machine(gpus=[V100]), imagenet()) == ("roi", "cuda")
    blind = machine(gpus=[H100], torch_sees_gpu=False)
    assert chosen(blind, imagenet()) == ("roi", "cpu")
    only = ALL | {"roi": "x: y", "dali": "x: y", "resident": "x: y"}
    assert chosen(machine(pipelines=only), imagenet())[0] == "torchvision"
    assert chosen(machine(pipelines=dict.fromkeys(ALL, "x: y")), imagenet())[0] == ""


def limited(machine_, data, measured):
    found = facts(machine_, data, measured)
    return limit(found, choose(found))


def test_the_limit_is_what_decodes_or_the_disk():
    slow = imagenet(disk=Disk(file_system="nfs4", network=True, files_per_s=800.0))
    four = machine(gpus=[V100] * 4)
    found = limited(four, imagenet(), rates(roi=3000))
    assert (found.images_per_s, found.by) == (3000, "decoding")
    found = limited(four, slow, rates(roi=3000))
    assert (found.images_per_s, found.by) == (200, "disk")  # which the four share
    assert limited(four, slow, ()) is None


def test_a_slow_disk_is_no_limit_where_memory_keeps_the_files():
    slow = Disk(files_per_s=800.0)
    fits = imagenet(pictures=400_000, disk=slow)  # 44 GB of 64 GB, and 240 GB decoded
    assert limited(machine(), fits, rates(roi=3000)).by == "decoding"
    assert limited(machine(memory=48 * GB), fits, rates(roi=3000)).by == "disk"
