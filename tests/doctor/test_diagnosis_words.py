import pytest

from fasttricks.doctor.advice import advise
from fasttricks.doctor.diagnosis import Diagnosis
from fasttricks.doctor.diagnosis_words import show_diagnosis
from fasttricks.doctor.facts import Disk
from tests.doctor.machines import H100, facts, imagenet, machine, rates


@pytest.fixture
def shown(capsys):
    def show(*arguments, **left_out):
        found = facts(*arguments, **left_out)
        show_diagnosis(Diagnosis(facts=found, answer=tuple(advise(found)), seconds=12.3))
        return capsys.readouterr().out

    return show


def test_the_machine(shown):
    out = shown(machine(gpus=[H100] * 2, usable_cores=8))
    assert "8 of 16 cores usable" in out
    assert out.count("NVIDIA H100 80GB HBM3, 80.0 GB, compute capability 9.0, with a JPEG") == 2
    assert "580.1, CUDA up to 13.0" in out
    assert "torch for CUDA 13.0, DALI for CUDA 13.0" in out
    assert "(12 s)" in out
    assert "GPU            none" in shown(machine())
    assert "torch without CUDA" in shown(machine(gpus=[H100], torch_cuda=None, dali_cuda=None))


def test_the_data_and_what_was_measured(shown):
    out = shown(machine(), imagenet(bad=1), rates(roi=3000, dali=9000), ffcv="no time")
    assert "1,281,167 files, 1,000 classes; 50,000 in val" in out
    assert "20.0 kB to 180 kB each, median 108 kB, about 141 GB in all" in out
    assert "250 of 250 can be cut, 1 bad" in out
    assert "2.20 GB/s, 20,000 pictures/s from 200 pictures" in out
    assert out.index("9,000 images/s") < out.index("3,000 images/s")
    assert "not measured: no time" in out


def test_a_disk_of_which_nothing_is_known(shown):
    out = shown(machine(), imagenet(disk=Disk(file_system="nfs4", network=True, why_not="why")))
    assert "nfs4, over a network; share of the sample in the page cache: unknown" in out
    assert "read rate not measured: why" in out


def test_commands_stand_alone_on_their_lines_and_titles_do_not_repeat(shown):
    out = shown(machine(), imagenet(problems=("one is wrong", "two is wrong")))
    lines = [line.strip() for line in out.splitlines()]
    assert "fasttricks index /data/imagenet" in lines
    assert sum(line.startswith("problem") for line in lines) == 1
    assert "two is wrong." in lines


def test_names_that_no_terminal_can_show(shown):
    assert "\x1b" not in shown(machine(), imagenet(name="a\x1b[31mb", bad=1))
