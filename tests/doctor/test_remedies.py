import pytest

from fasttricks.doctor.choice import choose
from fasttricks.doctor.facts import Disk
from fasttricks.doctor.remedies import (
    Topic,
    cuda_problems,
    helpful,
    missing,
    problems,
    shared_memory,
)
from tests.doctor.machines import (
    ALL,
    GB,
    H100,
    NO_TURBOJPEG,
    V100,
    facts,
    imagenet,
    machine,
    rates,
    small,
)

NFS = Disk(file_system="nfs4", network=True, files=100, files_per_s=400.0, bytes_per_s=44e6)


def helps(*arguments):
    """[(text, command)], the most effective first."""
    found = facts(*arguments)
    advice = helpful(found, choose(found))
    assert [one.topic for one in advice] == [Topic.HELPS] + [Topic.ALSO] * (len(advice) - 1)
    return [(one.text, one.command) for one in advice]


def test_a_slow_network_disk_wants_a_pack():
    ((text, command),) = helps(machine(), imagenet(disk=NFS), rates(roi=9000))
    assert text.startswith("The disk: 400 pictures a second come from nfs4, where 9,000")
    assert command == "fasttricks pack /data/imagenet DST"


def test_a_slow_disk_whose_files_stay_in_memory_matters_once():
    fits = imagenet(pictures=200_000, disk=NFS)
    ((text, command),) = helps(machine(), fits, rates(roi=9000))
    assert "first epoch only" in text
    assert command == ""


def test_a_slow_disk_under_a_pack_wants_another_disk():
    ((text, command),) = helps(machine(), imagenet(kind="pack", disk=NFS), rates(roi=9000))
    assert "local disk" in text
    assert command == ""


def test_a_network_disk_is_enough_where_nothing_was_measured():
    unknown = Disk(file_system="lustre", network=True, why_not="not told")
    ((text, command),) = helps(machine(), imagenet(disk=unknown))
    assert "network file system (lustre)" in text
    assert command.endswith("DST")
    ((text, _),) = helps(machine(), imagenet(listing_s=60.0))
    assert text.startswith("A pack:")


def test_all_gpus_together_are_what_the_disk_has_to_feed():
    disk = Disk(file_system="ext4", files_per_s=5000.0)
    data = imagenet(disk=disk)
    assert "The disk" not in helps(machine(gpus=[V100]), data, rates(roi=3000))[0][0]
    assert "The disk" in helps(machine(gpus=[V100] * 2), data, rates(roi=3000))[0][0]


def test_progressive_files_want_a_baseline_pack():
    ((text, command),) = helps(machine(), imagenet(progressive=200, cuttable=50), rates(roi=900))
    assert text.startswith("80 % of the JPEGs are progressive")
    assert command == "fasttricks pack /data/imagenet DST --baseline"
    assert "progressive" not in helps(machine(), imagenet(progressive=20), rates(roi=900))[0][0]


def test_few_cores_for_many_gpus():
    starved = machine(cores=2, gpus=[V100] * 8)
    text = helps(starved, imagenet(), rates(roi=500))[0][0]
    assert text.startswith("Cores: there are 2 cores for 8 GPUs")
    assert "more cores" in text
    text = helps(machine(cores=2, gpus=[H100] * 8), imagenet(), rates(roi=500))[0][0]
    assert "JPEG engine" in text
    assert 'device="cuda"' in text
    assert "dali on the GPU takes" in helps(machine(cores=2, gpus=[H100] * 8), imagenet())[0][0]
    assert "resident" in helps(starved, small())[0][0]
    assert "Cores" not in helps(machine(cores=32, gpus=[V100] * 8), imagenet())[0][0]
    assert "Cores" not in helps(machine(cores=2), imagenet(), rates(roi=500))[0][0]


def test_large_pictures():
    ((_, command),) = helps(machine(), imagenet(side_middle=1500), rates(roi=900))
    assert command.endswith("--max-size 512")


def test_ffcv_when_it_is_clearly_faster():
    ((text, command),) = helps(machine(), imagenet(), rates(roi=1000, ffcv=1500))
    assert text.startswith("ffcv was 1.50 times")
    assert command == "fasttricks pack /data/imagenet DST.beton"
    assert "ffcv" not in helps(machine(), imagenet(), rates(roi=1000, ffcv=1100))[0][0]


def test_plain_pillow_and_no_libturbojpeg():
    bare = machine(simd=False, pipelines=ALL | {"roi": NO_TURBOJPEG, "dali": "a: b"})
    (_, simd), (text, roi) = helps(bare, imagenet(), rates(torchvision=900))
    assert "pillow-simd" in simd
    assert text == (
        "roi, which decodes only the crop, cannot be used: the system library libturbojpeg is "
        "missing."
    )
    assert roi.startswith("apt-get install libturbojpeg0")
    assert "pillow" not in helps(machine(simd=False), imagenet(), rates(roi=900))[0][0]


def test_something_is_said_where_nothing_stands_out():
    assert "more cores would" in helps(machine(), imagenet(), rates(roi=900))[0][0]
    assert "JPEG engine" in helps(machine(gpus=[V100]), imagenet(), rates(roi=900))[0][0]
    assert helps(machine(), small())[0][0].startswith("Nothing: the pictures are decoded once")


def test_several_remedies_are_in_order():
    data = imagenet(disk=NFS, progressive=250, cuttable=0, side_middle=900)
    texts = [text for text, _ in helps(machine(), data, rates(roi=900))]
    assert [text.split()[0] for text in texts] == ["The", "100", "Smaller"]


# ------------------------------------------------------------------------------- what is missing


def test_what_is_missing_has_a_command():
    bare = machine(
        simd=False,
        pipelines=ALL
        | {"dali": "nvidia.dali is not installed: pip install 'fasttricks[dali]'"}
        | {"roi": NO_TURBOJPEG},
    )
    found = {one.text.split(":")[0]: one.command for one in missing(bare)}
    assert found["Pipeline dali"] == "pip install 'fasttricks[dali]'"
    assert found["Pipeline roi"].startswith("apt-get install libturbojpeg0")
    assert (
        "pillow-simd"
        in found["PIL is Pillow; pillow-simd resizes faster, for the pipeline torchvision."]
    )
    assert list(missing(machine())) == []


def test_the_dali_that_the_driver_can_run():
    old = machine(gpus=[V100], driver_cuda=(12, 4), pipelines={"dali": "x: pip install y"})
    assert next(missing(old)).command == "pip install 'fasttricks[dali-cuda12]'"


# --------------------------------------------------------------------------------- what is wrong


def test_bad_pictures_and_mixed_up_folders():
    found = list(problems(facts(machine(), imagenet(bad=3, problems=("swapped",)))))
    assert [one.text for one in found] == [
        "swapped.",
        "3 of 250 sampled pictures cannot be decoded.",
    ]
    assert found[1].command == "fasttricks doctor /data/imagenet --scan"
    assert list(problems(facts(machine(), imagenet(name="a b")))) == []
    spaced = facts(machine(), imagenet(name="a b", bad=1))
    assert "'a b'" in next(problems(spaced)).command


@pytest.mark.parametrize(
    ("changes", "words", "command"),
    [
        ({}, [], []),
        ({"driver_cuda": (13, 0), "torch_cuda": (13, 2)}, [], []),  # minor version compatibility
        ({"driver_cuda": (13, 0), "torch_cuda": (12, 6), "dali_cuda": (12, 0)}, [], []),
        ({"torch_cuda": None, "torch_sees_gpu": False}, ["without CUDA"], ["whl/cu130"]),
        (
            {"driver_cuda": (12, 4), "torch_sees_gpu": False, "dali_cuda": None},
            ["runs CUDA up to 12.4"],
            ["whl/cu126"],
        ),
        (
            {"driver_cuda": (12, 4), "torch_cuda": (12, 6)},
            ["DALI was built for CUDA 13.0"],
            ["uninstall -y nvidia-dali-cuda130 && pip install 'fasttricks[dali-cuda12]'"],
        ),
        (
            {"driver_cuda": (11, 4), "torch_sees_gpu": False, "dali_cuda": None},
            ["Update the driver"],
            [""],
        ),
        ({"torch_sees_gpu": False}, ["CUDA_VISIBLE_DEVICES"], [""]),
    ],
)
def test_driver_against_builds(changes, words, command):
    found = list(cuda_problems(machine(gpus=[H100], memory=64 * GB, **changes)))
    assert len(found) == len(words)
    for one, word, part in zip(found, words, command, strict=True):
        assert one.topic is Topic.PROBLEM
        assert word in one.text
        assert part in one.command
        assert bool(part) == bool(one.command)


def test_without_a_gpu_no_build_is_wrong():
    assert list(cuda_problems(machine(torch_cuda=None))) == []


@pytest.mark.parametrize(("gpus", "need"), [((), "4.93 GB"), ((H100,), "1.23 GB")])
def test_a_small_dev_shm_is_too_small_for_workers(gpus, need):
    """16 workers with two batches each of 256 x 224 x 224 x 3, in float32 where no GPU is."""
    (one,) = shared_memory(machine(16, gpus, shm_bytes=64_000_000))
    assert "/dev/shm has 64.0 MB free" in one.text
    assert need in one.text
    assert f"--shm-size={5 if not gpus else 2}g" in one.text
    assert not list(shared_memory(machine(16, gpus, shm_bytes=10 * GB)))
    assert not list(shared_memory(machine(16, gpus)))
