import pytest

from fasttricks.doctor.amounts import count, duration, number, share, size


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (12_340_000, "12.3 MB"),
        (141e9, "141 GB"),
        (9.96e18, "9960 PB"),
    ],
)
def test_size(amount, words):
    assert size(amount) == words


def test_other_amounts():
    assert [number(x) for x in (0.04, 3.21, 9.99, 12_345.6)] == ["0.0", "3.2", "10", "12,300"]
    assert [share(x) for x in (0.0, 0.004, 0.256, 1.0)] == ["0 %", "under 1 %", "26 %", "100 %"]
    assert [duration(x) for x in (0.1, 61, 600, 7200)] == ["1 s", "61 s", "10 min", "2.0 h"]
    assert [count(n, "core") for n in (1, 2000)] == ["1 core", "2,000 cores"]
