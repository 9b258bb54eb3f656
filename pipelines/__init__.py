"""Input pipelines: back ends behind one protocol, each carrying out the same plan.

Each has a folder, where its loader is `loader.py`; only `torchvision` is a single file.

`fasttricks.pipelines` is both this package and, called, the list of what it holds:
`fasttricks.pipelines()` gives every pipeline's name and availability.
"""

import sys
import types

from fasttricks.pipelines.registry import Availability, make_loader, pipelines

__all__ = ["Availability", "make_loader", "pipelines"]


class _CallablePackage(types.ModuleType):
    def __call__(self) -> dict[str, Availability]:
        return pipelines()


sys.modules[__name__].__class__ = _CallablePackage
