"""Share the block `argv[1]`, taking argv[2] seconds to make it; then do as told on stdin."""

import sys
import time

from fasttricks.pipelines.resident.store import Recipe, share

key, seconds = sys.argv[1], float(sys.argv[2])
how = "found"


def fill(memory):
    global how
    how = "made"
    memory[:] = 7
    time.sleep(seconds)
    return b""


block = share(key, lambda: Recipe(1000, fill, "pictures", "advice"))
assert bytes(block.bytes) == bytes([7]) * 1000
print(how, flush=True)
if sys.stdin.readline() == "close\n":
    block.close()
