from fasttricks.report.chart import Bars
from fasttricks.report.kernels import section
from tests.report import made


def test_a_chart_for_each_family_with_gb_per_s_and_the_share_of_a_copy() -> None:
    other = made.kernel("torch", copy_share=0.05, gb_per_s=1.2, differs="in uint8")
    small = made.kernel(row="resize 3 x 3", copy_share=0.1, gb_per_s=2.4)
    found = section([made.kernel(), other, small])
    finish, resize = found.charts
    assert (finish.name, resize.name) == ("kernel-finish", "kernel-resize")
    assert isinstance(finish, Bars)
    ours, theirs = finish.bars
    assert (ours.hue, theirs.hue) == ("ours", "others")
    assert (ours.value, ours.text) == (0.5, "12 GB/s, 50%")
    assert (ours.low, ours.high) == (0.25, 0.625)
    assert theirs.label == "torch ~"
    assert finish.mark == 1.0
    assert finish.table.lines[1][0] == "finish 32 x 224 x 224"
    assert any("torch ~: other work: in uint8" in note for note in found.notes)
    assert "Nearest to a copy is finish 32 x 224 x 224: 12 GB/s" in found.lead
    assert "farthest resize 3 x 3" in found.lead


def test_without_a_kernel_of_ours_nothing_is_claimed() -> None:
    assert section([made.kernel("torch")]).lead == ""


def test_ways_that_failed_are_told() -> None:
    line = "finish 32 x 224 x 224: DALI graph failed: RuntimeError: no"
    assert f"failed: {line}" in section([made.kernel(failed=[line])]).notes
