import numpy as np
import pytest

from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.decode.stages import Opened, measure
from fasttricks.pipelines.options import Options
from tests.pictures import smooth_picture

PICTURES = [smooth_picture(40 + 9 * i, 70 - 8 * i, i) for i in range(4)]


def measured(indices, **options):
    """(what `measure` gives, [(index, plan)] of everything that it had decoded)."""
    options = Options(**{"batch_size": 1, "size": 17, "seed": 5, **options})
    decoded = []

    def opened(index, clock):
        with clock("read"):
            pixels = PICTURES[index]

        def decode(plan):
            with clock("decode"):
                decoded.append((index, plan.copy()))
                return pixels, 0, 0

        return Opened(index, *pixels.shape[:2], decode)

    return measure(opened, np.array(indices), options), decoded


@pytest.mark.parametrize("work", ["decode", "full"])
def test_the_stages_of_reading_and_decoding_and_those_that_follow(work):
    stages, _ = measured([2, 0], work=work)
    finish = [] if work == "decode" else ["finish"]
    assert list(stages) == ["read", "decode", "resize", *finish]
    assert all(milliseconds > 0 for milliseconds in stages.values())


def test_each_sample_is_decoded_by_its_own_plan_twice_of_which_once_to_warm_up():
    _, decoded = measured([3, 1, 2])
    assert [index for index, _ in decoded] == [3, 1, 2, 3, 1, 2]
    params = Options(batch_size=1, size=17).params_at(0)
    for index, plan in decoded:
        height, width, _ = PICTURES[index].shape
        plans, _ = plan_batch(5, 0, [index], [0], [height], [width], params)
        assert plan == plans[0]
