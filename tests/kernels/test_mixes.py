"""The settings of mixing: what is refused, and in which words."""

import pytest

from fasttricks.kernels.mixes import (
    RICAP,
    CutMix,
    Cutout,
    Mixup,
    RandomErasing,
    as_mixes,
    has_noise,
    pictures_per_output,
)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Mixup(0), "Mixup.alpha must be > 0; got 0"),
        (lambda: Mixup(float("nan")), "Mixup.alpha"),
        (lambda: Mixup(per="rank"), "Mixup.per must be one of batch, sample; got 'rank'"),
        (lambda: Mixup(pairing="reverse"), "Mixup.pairing"),
        (lambda: CutMix(-1.0), "CutMix.alpha"),
        (lambda: RICAP(float("inf")), "RICAP.beta"),
        (lambda: Cutout(0), "Cutout.length"),
        (lambda: Cutout(8, holes=5), r"Cutout.holes must lie in \[0, 4\]; got 5"),
        (lambda: RandomErasing(1.5), "RandomErasing.probability"),
        (lambda: RandomErasing(area=(0.5, 0.2)), "RandomErasing.area"),
        (lambda: RandomErasing(area=(0.5, 1.2)), "RandomErasing.area"),
        (lambda: RandomErasing(aspect=(0, 1)), "RandomErasing.aspect"),
        (lambda: RandomErasing(fill="grey"), "constant, channel, pixel"),
        (lambda: RandomErasing(value=float("nan")), "RandomErasing.value"),
        (lambda: RandomErasing(tries=0), "RandomErasing.tries"),
        (lambda: as_mixes("mixup"), "must be a fasttricks Mixup"),
        (lambda: as_mixes((RandomErasing(), Mixup())), "only the first"),
        (lambda: as_mixes((RICAP(), Cutout(8))), "at most 4 rectangles in a picture; these need 5"),
    ],
)
def test_what_is_wrong_is_said(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_one_several_or_none():
    assert as_mixes(None) == ()
    assert as_mixes(Mixup()) == (Mixup(),)
    both = (CutMix(), RandomErasing())
    assert as_mixes(both) == both
    assert has_noise(both)
    assert not has_noise((CutMix(), RandomErasing(fill="channel")))


def test_only_two_batches_read_two_for_one():
    assert pictures_per_output((Mixup(pairing="two-batches"), Cutout(3))) == 2
    assert pictures_per_output((Mixup(pairing="halves"),)) == 1
    assert pictures_per_output(()) == 1
