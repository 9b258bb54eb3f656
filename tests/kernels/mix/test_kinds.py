"""The settings of mixing: what is refused, and in which words."""

import pickle

import numpy as np
import pytest
import torch

from fasttricks.kernels.mix.kinds import (
    RICAP,
    CutMix,
    Cutout,
    Mixup,
    OneOf,
    RandomErasing,
    as_mixes,
    has_noise,
    pictures_per_output,
)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Mixup(0), "Mixup.alpha must be a number > 0; got 0"),
        (lambda: Mixup(float("nan")), "Mixup.alpha"),
        (lambda: Mixup(per="rank"), "Mixup.per must be one of batch, sample; got 'rank'"),
        (lambda: Mixup(pairing="reverse"), "Mixup.pairing"),
        (lambda: CutMix(-1.0), "CutMix.alpha"),
        (lambda: RICAP(float("inf")), "RICAP.beta"),
        (lambda: Mixup("0.2"), "Mixup.alpha must be a number > 0; got '0.2'"),
        (lambda: Mixup(None), "Mixup.alpha must be a number > 0; got None"),
        (lambda: Mixup([0.2]), r"Mixup.alpha must be a number > 0; got \[0.2\]"),
        (lambda: Mixup(True), "Mixup.alpha must be a number > 0; got True"),
        (lambda: Mixup(torch.tensor(0.2)), "Mixup.alpha must be a number > 0; got tensor"),
        (lambda: CutMix("1"), "CutMix.alpha must be a number > 0; got '1'"),
        (lambda: RICAP(None), "RICAP.beta must be a number > 0; got None"),
        (lambda: Cutout(0), "Cutout.length"),
        (lambda: Cutout(1), "Cutout.length must be an integer >= 2, as a hole reaches.* got 1"),
        (lambda: Cutout(True), "Cutout.length must be an integer.* got True"),
        (lambda: Cutout(8.0), "Cutout.length must be an integer.* got 8.0"),
        (lambda: Cutout(8, holes="1"), "Cutout.holes must be an integer.* got '1'"),
        (lambda: RandomErasing("0.5"), r"probability must be a number in \[0, 1\]; got '0.5'"),
        (lambda: RandomErasing(area=0.3), r"area must be 2 numbers, \(low, high\); got 0.3"),
        (lambda: RandomErasing(area=None), "area must be 2 numbers.* got None"),
        (lambda: RandomErasing(area=("a", "b")), r"area must be 2 numbers.* got \('a', 'b'\)"),
        (lambda: RandomErasing(aspect=2), "aspect must be 2 numbers.* got 2"),
        (lambda: RandomErasing(aspect=(1, float("inf"))), "aspect must be .low, high."),
        (lambda: RandomErasing(value="x"), "value must be a finite number; got 'x'"),
        (lambda: RandomErasing(value=[1, 2, 3]), r"value must be a finite number; got \[1, 2, 3\]"),
        (lambda: RandomErasing(tries=2.5), r"tries must be an integer in \[1, 255\]; got 2.5"),
        (lambda: Cutout(8, holes=5), r"Cutout.holes must be an integer in \[0, 4\]; got 5"),
        (lambda: RandomErasing(1.5), "RandomErasing.probability"),
        (lambda: RandomErasing(area=(0.5, 0.2)), "RandomErasing.area"),
        (lambda: RandomErasing(area=(0.5, 1.2)), "RandomErasing.area"),
        (lambda: RandomErasing(aspect=(0, 1)), "RandomErasing.aspect"),
        (lambda: RandomErasing(fill="grey"), "constant, channel, pixel"),
        (lambda: RandomErasing(value=float("nan")), "RandomErasing.value"),
        (lambda: RandomErasing(tries=0), "RandomErasing.tries"),
        (lambda: OneOf(), "OneOf needs a mix"),
        (lambda: OneOf([Mixup(), CutMix()]), r"given one after the other; got \[Mixup"),
        (lambda: OneOf(Mixup(), Cutout(8)), "between Mixup, CutMix and RICAP.* got Cutout"),
        (lambda: OneOf(OneOf(Mixup())), "between Mixup, CutMix and RICAP.* got OneOf"),
        (lambda: OneOf(Mixup, CutMix), "got <class"),
        (lambda: OneOf(Mixup(pairing="two-batches")), "half as many pictures as it reads"),
        (
            lambda: OneOf(Mixup(), probability=1.1),
            r"OneOf.probability must be a number in \[0, 1\]; got 1.1",
        ),
        (lambda: OneOf(Mixup(), probability=float("nan")), "OneOf.probability"),
        (lambda: OneOf(Mixup(), per="rank"), "OneOf.per must be one of batch, sample; got 'rank'"),
        (lambda: OneOf(Mixup(), CutMix(), weights=(1,)), r"2 numbers, one per mix; got \(1,\)"),
        (lambda: OneOf(Mixup(), weights=0.5), "must be 1 numbers, one per mix; got 0.5"),
        (lambda: OneOf(Mixup(), weights=("much",)), "OneOf.weights must be 1 numbers"),
        (lambda: OneOf(Mixup(), CutMix(), weights=("1", "2")), r"one per mix; got \('1', '2'\)"),
        (lambda: OneOf(Mixup(), CutMix(), weights="12"), "one per mix; got '12'"),
        (lambda: OneOf(Mixup(), CutMix(), weights=(True, 1)), "one per mix; got"),
        (lambda: OneOf(Mixup(), CutMix(), weights=(2, -1)), ">= 0, finite and not all 0; got"),
        (lambda: OneOf(Mixup(), CutMix(), weights=(0, 0)), "not all 0"),
        (lambda: OneOf(Mixup(), CutMix(), weights=(1e308, 1e308)), "finite"),
        (lambda: OneOf(Mixup(), CutMix(), weights=(1, float("nan"))), "finite"),
        (lambda: as_mixes("mixup"), "must be a fasttricks Mixup.* got 'mixup'"),
        (lambda: as_mixes((RandomErasing(), Mixup())), "only the first"),
        (lambda: as_mixes((Mixup(), OneOf(CutMix()))), "only the first"),
        (lambda: as_mixes((OneOf(Mixup(), RICAP()), Cutout(8))), "at most 4 .* these need 5"),
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
    assert as_mixes(both) == as_mixes(list(both)) == both
    assert has_noise(both)
    assert not has_noise((CutMix(), RandomErasing(fill="channel")))


def test_only_two_batches_read_two_for_one():
    assert pictures_per_output((Mixup(pairing="two-batches"), Cutout(3))) == 2
    assert pictures_per_output((Mixup(pairing="halves"),)) == 1
    assert pictures_per_output(()) == 1


def test_one_of_is_a_value_like_the_others():
    one = OneOf(Mixup(0.2), CutMix(), weights=[0.7, 0.3], probability=0.9)
    assert one == eval(repr(one))
    assert one == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(OneOf(Mixup(), CutMix(), weights=(0.7, 0.3), probability=0.9))
    assert one != OneOf(Mixup(0.2), CutMix(), weights=(0.7, 0.3))
    assert OneOf(Mixup(), CutMix()).weights == (1.0, 1.0)
    with pytest.raises(AttributeError):
        one.probability = 1.0


def test_one_of_needs_what_its_largest_mix_needs():
    one = OneOf(Mixup(), RICAP())
    assert (one.patches, one.shares) == (4, 4)
    assert as_mixes((OneOf(Mixup(), CutMix()), Cutout(8, holes=3)))
    assert pictures_per_output((one,)) == 1


def test_whatever_numbers_are_written_as():
    assert Mixup(np.float32(0.5)) == Mixup(0.5)
    assert Cutout(np.int64(8)) == Cutout(8)
    one = RandomErasing(area=[0.02, 0.4], aspect=np.array([0.5, 2.0]))
    assert one == RandomErasing(area=(0.02, 0.4), aspect=(0.5, 2.0))
    assert hash(one) == hash(RandomErasing(area=(0.02, 0.4), aspect=(0.5, 2.0)))
