import pytest

from fasttricks.doctor.advice import advise
from fasttricks.doctor.facts import Disk
from fasttricks.doctor.remedies import Topic
from tests.doctor.machines import ALL, GB, H100, V100, facts, imagenet, machine, rates, small


def told(topic, *arguments):
    return " ".join(
        f"{one.text} {one.command}" for one in advise(facts(*arguments)) if one.topic is topic
    )


EVERY = [
    (),
    (machine(gpus=[H100] * 8),),
    (machine(pipelines=dict.fromkeys(ALL, "x is missing: install it")),),
    (machine(), small()),
    (machine(), imagenet(), rates(roi=9000, dali=5000)),
    (machine(cores=2, gpus=[V100] * 8), imagenet(), rates(roi=800)),
    (machine(gpus=[H100], torch_sees_gpu=False, torch_cuda=None), small(bad=1)),
    (machine(), imagenet(kind="beton"), rates(ffcv=3000)),
    (machine(), imagenet(sampled=0, bytes_mean=0.0, pixels_mean=0.0, cuttable=0)),
]


@pytest.mark.parametrize("arguments", EVERY)
def test_every_answer_is_whole_sentences_in_order(arguments):
    answer = advise(facts(*arguments))
    topics = [one.topic for one in answer]
    order = list(Topic)
    assert topics == sorted(topics, key=order.index)
    assert topics.count(Topic.PIPELINE) == 1
    for one in answer:
        assert one.text[-1] in ".:"
        assert "\n" not in one.text
        assert "{" not in one.text
        assert bool(one.command) or not one.text.endswith(":")


def test_the_machine_alone():
    topics = {one.topic for one in advise(facts(machine()))}
    assert topics == {Topic.PIPELINE, Topic.THREADS, Topic.NEXT}
    assert "fasttricks doctor DATA" in told(Topic.NEXT, machine())


def test_the_call_is_spelled_out():
    text = told(Topic.PIPELINE, machine(gpus=[H100]), imagenet())
    assert 'make_loader("dali", ..., device="cuda")' in text
    assert "not measured" in text
    assert "not measured" not in told(Topic.PIPELINE, machine(), imagenet(), rates(roi=9000))


def test_threads_are_shared_by_the_gpus():
    assert told(Topic.THREADS, machine(cores=16)).startswith("num_threads=16")
    text = told(Topic.THREADS, machine(cores=64, usable_cores=32, gpus=[V100] * 8))
    assert "num_threads=4 in each of 8 processes" in text
    assert "32 cores of 64" in text
    assert told(Topic.THREADS, machine(cores=2, gpus=[V100] * 8)).startswith("num_threads=1 ")


def test_the_limit():
    text = told(Topic.LIMIT, machine(), imagenet(), rates(roi=9000))
    assert "faster than 9,000 images/s waits" in text
    assert "--device cpu" in text
    eight = machine(cores=64, gpus=[V100] * 8)
    text = told(Topic.LIMIT, eight, imagenet(), rates(threads=8, roi=2000))
    assert "faster than 2,000 images/s each waits" in text
    assert "about 16,000 on 8 GPUs" in text
    slow = imagenet(disk=Disk(files_per_s=1600.0))
    text = told(Topic.LIMIT, eight, slow, rates(threads=8, roi=2000))
    assert "faster than 200 images/s each waits" in text
    assert "the disk is what it waits for" in text
    assert told(Topic.LIMIT, machine(), imagenet()) == ""


def test_when_to_index():
    text = told(Topic.INDEX, machine(), imagenet())
    assert "100 % of the pictures can be cut" in text
    assert "fasttricks index /data/imagenet" in text
    assert "in 88 s or less" in text  # 141 GB at 16 * 100 MB/s
    slow = imagenet(disk=Disk(bytes_per_s=50e6, files_per_s=450.0))
    assert "in 47 min or less" in told(Topic.INDEX, machine(), slow)
    assert "is a seek index" in told(Topic.INDEX, machine(), imagenet(index="usable"))
    assert "(damaged)" in told(Topic.INDEX, machine(), imagenet(index="damaged"))
    assert "index=False" in told(Topic.INDEX, machine(), imagenet(cuttable=0))
    assert "Neither" in told(Topic.INDEX, machine(), small())
    assert told(Topic.INDEX, machine(), imagenet(kind="beton")) == ""


def test_when_not_to_pack():
    fits = imagenet(pictures=300_000)
    assert "No pack" in told(Topic.INDEX, machine(), fits)
    assert "No pack" not in told(Topic.INDEX, machine(), imagenet())
    assert "No pack" not in told(Topic.INDEX, machine(), imagenet(pictures=300_000, progressive=99))


def test_notes():
    data = imagenet(notes=("It is not divided",), odd=100)
    text = told(Topic.NOTE, machine(), data)
    assert "It is not divided." in text
    assert "40 % of the pictures are no ordinary JPEGs" in text
    unknown = imagenet(disk=Disk(cached=0.5, why_not="nobody knows"))
    assert "was not measured (nobody knows)" in told(Topic.NOTE, machine(), unknown)
    assert told(Topic.NOTE, machine(memory=512 * GB), unknown) == ""
