import pytest

from fasttricks.report.scale import Scale, around, from_zero, number


def test_linear_shares_and_ticks() -> None:
    scale = from_zero([3.0, 47.0])
    assert (scale.share(0), scale.share(47)) == (0, 1)
    assert scale.ticks() == [0, 10, 20, 30, 40]
    assert from_zero([0.0, 0.0]).share(0.0) == 0


def test_a_logarithmic_axis_has_all_values_within() -> None:
    scale = around([0.5, 2.0])
    assert 0 < scale.share(0.5) < scale.share(2.0) < 1
    assert scale.share(1.0) == pytest.approx(0.5)
    assert 1 in scale.ticks()


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0.9, 1.1), (3e-5, 4e7), (970, 26700)])
def test_ticks_lie_within_in_order(low: float, high: float) -> None:
    scale = around([low, high])
    ticks = scale.ticks()
    assert ticks == sorted(ticks)
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert 1 <= len(ticks) <= 16


def test_ticks_of_an_axis_that_starts_elsewhere() -> None:
    assert Scale(1, 20).ticks() == [5, 10, 15, 20]


def test_numbers_are_short() -> None:
    found = [number(value) for value in (0, 0.01234, 3.14159, 99.96, 12345.6)]
    assert found == ["0", "0.0123", "3.14", "100", "12,346"]
