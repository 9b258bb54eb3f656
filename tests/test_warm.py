"""What is compiled ahead is what a training then finds."""

from numba.core import event

from fasttricks import warm
from fasttricks.pipelines.resident.rows import make_rows


def test_the_kernels_are_there_afterwards():
    assert warm.warm() > 0
    with event.install_recorder("numba:compile") as recorder:
        warm.warm()
    assert not recorder.buffer
    assert len(make_rows.signatures) >= 1
