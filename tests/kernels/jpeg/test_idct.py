import numba
import numpy as np

from fasttricks.kernels.jpeg.idct import BLOCKS, inverse_dct


@numba.njit
def run(coefficients, steps, out):
    return inverse_dct(coefficients.ctypes.data, steps.ctypes.data, out.ctypes.data, out.strides[0])


def interleaved(blocks):
    """int16 [2, 8, 8] as the kernel wants them."""
    return np.ascontiguousarray(blocks.transpose(1, 0, 2).astype(np.int16))


def transformed(blocks, steps):
    """The samples of int [2, 8, 8], and whether they are to be used."""
    out = np.full((8, 40), 77, np.uint8)
    failed = run(interleaved(blocks), interleaved(np.stack([steps] * BLOCKS)), out[:, 3:])
    assert (out[:, :3] == 77).all()
    assert (out[:, 19:] == 77).all()
    return np.stack([out[:, 3:11], out[:, 11:19]]), not failed


def defined(blocks, steps):
    """T.81 A.3.3 in float64."""
    k, x = np.arange(8)[:, None], np.arange(8)[None]
    basis = np.where(k == 0, np.sqrt(0.5), 1.0) * np.cos((2 * x + 1) * k * np.pi / 16) / 2
    return np.clip(basis.T @ (blocks * steps) @ basis + 128, 0, 255)


def random_blocks(rng):
    """Blocks as pictures have them: less and less towards high frequencies."""
    spread = 300 / (1 + np.add.outer(np.arange(8), np.arange(8))) ** 1.5
    return np.round(rng.normal(0, spread, (2, 8, 8)) / 3), np.full((8, 8), 3)


def test_samples_are_those_of_the_definition():
    rng, errors = np.random.default_rng(0), []
    for _ in range(300):
        blocks, steps = random_blocks(rng)
        steps = rng.integers(1, 6, (8, 8))
        samples, good = transformed(blocks, steps)
        assert good
        errors.append(samples - defined(blocks, steps))
    assert np.abs(errors).max() < 1.0  # two roundings: of columns to a quarter, and of samples
    assert np.abs(errors).mean() < 0.3


def test_a_transposed_block_would_be_found():
    blocks, steps = random_blocks(np.random.default_rng(1))
    samples, _ = transformed(blocks.transpose(0, 2, 1), steps)
    assert np.abs(samples - defined(blocks, steps)).max() > 5


def test_flat_blocks_and_the_ends_of_the_range():
    for level in (-2000, -1024, -8, 0, 8, 1016, 2000):
        blocks = np.zeros((2, 8, 8))
        blocks[0, 0, 0], blocks[1, 0, 0] = level, -level
        samples, good = transformed(blocks, np.ones((8, 8), int))
        assert good
        assert (samples[0] == np.clip(128 + level // 8, 0, 255)).all()
        assert (samples[1] == np.clip(128 - level // 8, 0, 255)).all()


def test_coefficients_beyond_measure_are_told_of():
    for place, told in [((0, 0, 0), True), ((1, 0, 7), True), ((0, 1, 0), False)]:
        blocks = np.zeros((2, 8, 8))
        for value, beyond in [(8191, False), (-8192, False), (8192, True), (-8193, True)]:
            blocks[place] = value
            assert transformed(blocks, np.ones((8, 8), int))[1] == (not (beyond and told))
