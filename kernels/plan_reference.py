"""The plan written out slowly, in plain Python: what `kernels/plan.py` is tested against.

Nothing here shares code with the compiled version except the constants of the counter layout.
"""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.augment import HSV_LITERAL, REFERENCE, OpsParams, PlanParams
from fasttricks.kernels.plan import (
    CONTRAST_AND_ORDER,
    CROP_TRIES,
    FLIP_AND_JITTER,
    LIGHTING,
    ORDER,
    POLICY,
)
from fasttricks.kernels.steps import Op

Box = tuple[int, int, int, int]
Floats = npt.NDArray[np.float64]
Step = tuple[Op, float, float, float]


def philox(counter: tuple[int, int, int, int], seed: int) -> tuple[int, int, int, int]:
    """Philox4x32-10 with unbounded Python integers."""
    x0, x1, x2, x3 = counter
    k0, k1 = seed % 2**32, seed // 2**32
    for _ in range(10):
        low, high = 0xD2511F53 * x0, 0xCD9E8D57 * x2
        x0, x1, x2, x3 = (
            (high // 2**32) ^ x1 ^ k0,
            high % 2**32,
            (low // 2**32) ^ x3 ^ k1,
            low % 2**32,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return x0, x1, x2, x3


def epoch_order(seed: int, epoch: int, count: int) -> list[int]:
    """Fisher-Yates with one Philox block per exchange."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        high, low, _, _ = philox((last, 0, epoch, ORDER), seed)
        other = (high * 2**32 + low) * (last + 1) // 2**64
        order[last], order[other] = order[other], order[last]
    return order


def crop_box(
    seed: int, epoch: int, index: int, view: int, height: int, width: int, p: PlanParams
) -> Box:
    """Random resized crop (top, left, height, width)."""
    for attempt in range(CROP_TRIES):
        u = [r / 2**32 for r in philox((index, view, epoch, attempt), seed)]
        area = height * width * (p.area[0] + u[0] * (p.area[1] - p.area[0]))
        aspect = math.exp(p.log_aspect[0] + u[1] * (p.log_aspect[1] - p.log_aspect[0]))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(u[2] * (height - h + 1)), int(u[3] * (width - w + 1)), h, w
    low, high = (math.exp(x) for x in p.log_aspect)
    h, w = height, width
    if width / height < low:
        h = max(1, round(width / low))
    elif width / height > high:
        w = max(1, round(height * high))
    return (height - h) // 2, (width - w) // 2, h, w


def color(seed: int, epoch: int, index: int, view: int, p: PlanParams) -> tuple[Floats, Floats]:
    """(A [3, 3], b [3]) as a product of one matrix per step, in the paper's order."""
    u = [r / 2**32 for r in philox((index, view, epoch, FLIP_AND_JITTER), seed)]
    v = [r / 2**32 for r in philox((index, view, epoch, LIGHTING), seed)]
    hue, saturation, brightness = (
        low + x * (high - low)
        for x, (low, high) in zip(u[1:], (p.hue, p.saturation, p.brightness), strict=True)
    )
    alpha = np.array(
        [
            math.sqrt(-2 * math.log(1 - v[0])) * math.cos(2 * math.pi * v[1]),
            math.sqrt(-2 * math.log(1 - v[0])) * math.sin(2 * math.pi * v[1]),
            math.sqrt(-2 * math.log(1 - v[2])) * math.cos(2 * math.pi * v[3]),
        ]
    )
    luma = np.array([0.299, 0.587, 0.114])
    yiq = np.array([luma, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    angle = (hue - 1) * math.pi
    turn = np.eye(3)
    turn[1:, 1:] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    a = np.linalg.inv(yiq) @ turn @ yiq
    a = saturation * a + (1 - saturation) * np.outer(np.ones(3), luma @ a)
    a = brightness * a
    eigenvectors = np.array(
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    )
    b = eigenvectors @ (p.lighting * alpha * np.array([55.46, 4.794, 1.148]))
    if not p.jitter:
        a, b = np.eye(3), np.zeros(3)
    std = np.array(p.std)
    return a / std[:, None], (b - np.array(p.mean)) / std


def ops(seed: int, epoch: int, index: int, view: int, p: OpsParams) -> list[Step]:
    """A sample's steps (op, amount, second, third): the policy's, then the colour's."""
    steps: list[Step] = []
    for r in range(p.rounds):
        words = philox((index, view, epoch, POLICY + r), seed)
        row = p.table[words[0] * len(p.table) // 2**32]
        for choice, word, sign in zip(row, words[1:3], f"{words[3]:032b}", strict=False):
            if choice["op"] != Op.IDENTITY and word / 2**32 < choice["probability"]:
                swing = -choice["swing"] if sign == "1" else choice["swing"]
                amount = float(choice["base"] + swing)
                steps.append((Op(int(choice["op"])), amount, float(choice["second"]), 0.0))
    return steps + jitter(seed, epoch, index, view, p)


def jitter(seed: int, epoch: int, index: int, view: int, p: OpsParams) -> list[Step]:
    """The steps of the colour."""
    u = [r / 2**32 for r in philox((index, view, epoch, FLIP_AND_JITTER), seed)]
    v = [r / 2**32 for r in philox((index, view, epoch, CONTRAST_AND_ORDER), seed)]
    hue, saturation, brightness, contrast = (
        low + x * (high - low)
        for x, (low, high) in zip(
            (*u[1:], v[0]), (p.hue, p.saturation, p.brightness, p.contrast), strict=True
        )
    )
    if p.color == HSV_LITERAL:
        return [(Op.JITTER_HSV, hue, saturation, brightness)]
    if p.color != REFERENCE:
        return []
    steps: list[Step] = [
        (Op.JITTER_BRIGHTNESS, brightness, 0.0, 0.0),
        (Op.JITTER_CONTRAST, contrast, 0.0, 0.0),
        (Op.JITTER_SATURATION, saturation, 0.0, 0.0),
    ]
    return list(list(permutations(steps))[int(v[1] * 6)])
