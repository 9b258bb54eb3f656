"""What `finish` refuses, and which back end it chooses."""

import numpy as np
import pytest
import torch

from fasttricks.kernels.finish import choose, finish
from fasttricks.kernels.mix import description as mix
from tests.kernels.finish_checks import batch

PIXELS, MATRIX, FLIP, _ = batch((2, 4, 5))
WORDS = torch.from_numpy(mix.words(mix.plain([0, 1])))
OUTSIDE = torch.from_numpy(mix.words(mix.plain([0, 2])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": PIXELS.float()}, r"pixels must be uint8 .*got torch.float32 \[2, 4, 5, 3\]"),
        (
            {"pixels": PIXELS.permute(0, 3, 1, 2)},
            r"pixels must be .*got torch.uint8 \[2, 3, 4, 5\]",
        ),
        ({"matrix": MATRIX[:1]}, r"matrix must be float32 \[2, 3, 4\]; got .*\[1, 3, 4\]"),
        ({"matrix": MATRIX.double()}, "got torch.float64"),
        ({"flip": FLIP[:1]}, r"flip must be bool or uint8 \[2\]; got torch.bool \[1\]"),
        ({"flip": FLIP.float()}, "flip must be .*got torch.float32"),
        ({"flip": FLIP.to("meta")}, "one device; got cpu, cpu and meta"),
        ({"dtype": torch.float64}, "dtype must be one of .*got torch.float64"),
        ({"out": torch.empty(2, 3, 4, 5)}, "out must be .*channels_last on cpu; got"),
        ({"out": torch.empty(2, 4, 5, 3).half().permute(0, 3, 1, 2)}, "got torch.float16"),
        ({"mix": WORDS[:, 1:]}, r"a mix must be int32 \[B, 55\].*got torch.int32 \[2, 54\]"),
        ({"mix": WORDS.long()}, "a mix must be .*got torch.int64"),
        ({"mix": WORDS.to("meta")}, "the mix is on meta, the pictures are on cpu"),
        ({"mix": OUTSIDE}, "output sample 1: own 2 of 2"),
        ({"mix": WORDS[:1], "out": finish(PIXELS, MATRIX, FLIP)}, r"out must be .*\[1, 3, 4, 5\]"),
        ({"flip": [0, 1]}, "flip must be a torch.Tensor; got list"),
        ({"pixels": PIXELS.numpy()}, "pixels must be a torch.Tensor; got ndarray"),
        ({"matrix": None}, "matrix must be a torch.Tensor; got NoneType"),
        ({"out": np.empty((2, 3, 4, 5))}, "out must be a torch.Tensor; got ndarray"),
        ({"mix": WORDS.tolist()}, "mix must be a torch.Tensor; got list"),
        ({"out": finish(PIXELS, MATRIX, FLIP).requires_grad_()}, "must not require gradients"),
        ({"backend": "cuda"}, "one of auto, numba, torch, triton; got 'cuda'"),
        ({"backend": "triton"}, "backend triton runs on CUDA; the pixels are on cpu"),
    ],
)
def test_refused_arguments_are_named(change, message):
    good = {"pixels": PIXELS, "matrix": MATRIX, "flip": FLIP, "mix": WORDS}
    finish(**good)
    with pytest.raises(ValueError, match=message):
        finish(**{**good, **change})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_missing_triton_is_said(device, monkeypatch):
    monkeypatch.setattr("fasttricks.kernels.finish.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs Triton, which is not installed: pip install"):
        choose("triton", torch.device(device))
    assert choose("torch", torch.device(device)) == "torch"


@pytest.mark.parametrize(
    ("device", "chosen"),
    [("cpu", "numba"), ("cuda", "triton"), ("cuda:1", "triton"), ("mps", "torch")],
)
def test_auto_chooses_by_device(device, chosen):
    assert choose("auto", torch.device(device)) == chosen


def test_numba_is_for_the_cpu():
    with pytest.raises(ValueError, match="numba runs on the CPU; the pixels are on cuda"):
        choose("numba", torch.device("cuda"))
