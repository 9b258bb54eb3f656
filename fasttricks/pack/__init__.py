"""Packs: a data set as ordinary WebDataset tar shards with an index beside them.

from fasttricks.pack import pack
print(pack("imagenet", "packs/imagenet", baseline=True))
"""

from fasttricks.pack.build import pack
from fasttricks.pack.report import PackReport
from fasttricks.pack.settings import PackSettings

__all__ = ["PackReport", "PackSettings", "pack"]
