"""Print "seed c0 c1 c2 c3 r0 r1 r2 r3" for eight counters, drawn by Triton's own Philox."""

import torch
import triton
import triton.language as tl

SEED = 0x0123456789ABCDEF


@triton.jit
def draw(out, seed):
    i = tl.arange(0, 8).to(tl.uint32)
    r0, r1, r2, r3 = tl.philox(seed, i, i * 7, i + 3, i * 11)
    tl.store(out + i, r0.to(tl.int64))
    tl.store(out + 8 + i, r1.to(tl.int64))
    tl.store(out + 16 + i, r2.to(tl.int64))
    tl.store(out + 24 + i, r3.to(tl.int64))


out = torch.zeros(4, 8, dtype=torch.int64)
draw[(1,)](out, SEED)
for i in range(8):
    print(SEED, i, i * 7, i + 3, i * 11, *(int(x) % 2**32 for x in out[:, i]))
