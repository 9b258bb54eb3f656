"""Cosine decay: the learning rate falls along half a cosine, a little at every step."""

from __future__ import annotations

import math


def cosine(step: int, steps: int) -> float:
    """The share of the peak learning rate at a step, the first after the warm-up being 0.

    P1 section 5.1: (1 + cos(pi * t / T)) / 2 with T steps after the warm-up, no restarts. It is a
    function of the step, not of the epoch. It is 0 one step past the last one, so that every step
    teaches (P1's script of 2018, "Assembled CNN"; GluonCV later ends with a step at 0).
    """
    return (1 + math.cos(math.pi * min(step, steps) / steps)) / 2
