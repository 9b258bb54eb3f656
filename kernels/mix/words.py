"""Where Triton kernels find the fields of a MIX and its PATCHes, in 32-bit words."""

from __future__ import annotations

import triton.language as tl

from fasttricks.kernels.mix.description import MIX, PATCH, word

WORDS = tl.constexpr(MIX.itemsize // 4)
"""Of a MIX."""
KEY = tl.constexpr(word(MIX, "key"))
COUNTER = tl.constexpr(word(MIX, "counter"))
PATCHES_AT = tl.constexpr(word(MIX, "patches"))

PATCH_WORDS = tl.constexpr(PATCH.itemsize // 4)
SOURCE = tl.constexpr(word(PATCH, "source"))
FROM_TOP = tl.constexpr(word(PATCH, "from_top"))
FROM_LEFT = tl.constexpr(word(PATCH, "from_left"))
WEIGHT = tl.constexpr(word(PATCH, "weight"))
VALUE = tl.constexpr(word(PATCH, "value"))
DEVIATION = tl.constexpr(word(PATCH, "noise"))
