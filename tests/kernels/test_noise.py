import numpy as np

from fasttricks.kernels import plan_reference
from fasttricks.kernels.noise import add_noise
from fasttricks.kernels.plan import normals


def expected(block, counter, key):
    words = plan_reference.philox((block, *counter), key)
    return np.array(normals(*(np.uint64(word) for word in words)))


def noise(block, counter, key, count):
    out = np.zeros((3, count + 2), np.float32)
    add_noise(block, tuple(np.uint32(c) for c in counter), np.uint64(key), 1.0, count, out)
    assert not out[:, count:].any()
    return out[:, :count]


def test_equals_the_exact_numbers():
    rng = np.random.default_rng()
    for width in (1, 7, 16, 50):
        counter = [int(c) for c in rng.integers(0, 2**32, 3)]
        key, block = int(rng.integers(0, 2**64, dtype=np.uint64)), int(rng.integers(0, 2**20))
        exact = np.array([expected(block + x, counter, key) for x in range(width)]).T
        np.testing.assert_allclose(noise(block, counter, key, width), exact, atol=2.0**-20)
        wrong = np.array([expected(block + x + 1, counter, key) for x in range(width)]).T
        assert abs(wrong - exact).max() > 2.0**-20


def test_equals_them_in_the_tails_and_about_zero():
    """A million numbers, of which the rarest blocks are compared: largest, smallest of each row."""
    counter, key, count = (5, 6, 7), 0xFEDCBA9876543210, 1 << 20
    drawn = noise(0, counter, key, count)
    assert np.isfinite(drawn).all()
    for row in drawn:
        order = np.argsort(abs(row))
        for x in (*order[:20], *order[-20:]):
            exact = expected(int(x), counter, key)
            np.testing.assert_allclose(drawn[:, x], exact, atol=2.0**-20)


def test_is_standard_normal():
    drawn = noise(0, (1, 2, 3), 4, 1 << 18)
    error = 1 / np.sqrt(drawn.shape[1])
    np.testing.assert_allclose(drawn.mean(axis=1), 0, atol=5 * error)
    np.testing.assert_allclose((drawn.astype(float) ** 2).mean(axis=1), 1, atol=8 * error)
    np.testing.assert_allclose(np.corrcoef(drawn), np.eye(3), atol=5 * error)
    np.testing.assert_allclose((abs(drawn) < 0.67449).mean(axis=1), 0.5, atol=5 * error)


def test_adds_and_scales():
    out = np.full((3, 20), 7, np.float32)
    add_noise(3, (1, 2, 3), np.uint64(4), 0.25, 20, out)
    np.testing.assert_allclose(out, 7 + 0.25 * noise(3, (1, 2, 3), 4, 20), atol=1e-6)
