"""The precisions that networks compute and pictures come in, by name; no torch, for the CLI."""

from typing import Literal, get_args

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FLOAT16_ON_CPU = "float16 is for GPUs; on a CPU it would only be slower"
