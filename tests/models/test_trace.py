from __future__ import annotations

import torch
from torch import Tensor, nn

from fasttricks.models.trace import Op, Recorder, trace


def operations(net: nn.Module, *, training: bool = False, dtype: torch.dtype) -> list[Op]:
    return trace(net, 8, batch=3, dtype=dtype, training=training)


class Steps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = x.relu_()
        return x[:, :2].mean((2, 3)) + x[:, 2:].mean((2, 3))


def test_operations_in_order_without_views() -> None:
    ops = operations(Steps(), dtype=torch.float16)
    assert [op.name for op in ops] == ["convolution", "relu_", "mean", "mean", "add"]
    assert [op.pointwise for op in ops] == [False, True, False, False, True]


def test_in_place_makes_new_contents_and_halves_are_regions() -> None:
    conv, relu, one, two, add = operations(Steps(), dtype=torch.float16)
    assert relu.reads == conv.writes
    assert relu.writes[0].value != relu.reads[0].value
    assert relu.writes[0].nbytes == conv.writes[0].nbytes == 3 * 4 * 64 * 2
    assert one.reads[0].value == two.reads[0].value == relu.writes[0].value
    assert one.reads != two.reads
    assert one.reads[0].nbytes == two.reads[0].nbytes == relu.writes[0].nbytes // 2
    assert set(add.reads) == {*one.writes, *two.writes}


def test_training_adds_the_backward_and_reads_what_was_kept() -> None:
    ops = operations(Steps(), training=True, dtype=torch.bfloat16)
    names = [op.name for op in ops]
    assert names.index("_log_softmax") < names.index("threshold_backward")
    conv = next(op for op in ops if op.name == "convolution")
    back = next(op for op in ops if op.name == "convolution_backward")
    assert conv.reads[0] in back.reads  # the input, which nothing has written since


def test_an_expanded_tensor_is_read_once() -> None:
    with Recorder() as seen:
        torch.empty(5, 1, device="meta").expand(5, 100) + 1
    (op,) = seen.ops
    assert (op.reads[0].nbytes, op.writes[0].nbytes) == (20, 2000)


def test_statistics_of_the_batch_are_told_from_running_ones() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    for training in (True, False):
        ops = operations(net, training=training, dtype=torch.float32)
        assert [op.train for op in ops if op.name == "native_batch_norm"] == [training]
