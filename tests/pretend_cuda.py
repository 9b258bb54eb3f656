"""CUDA where there is none: tensors that say they are on a GPU, and compute on the CPU.

While `pretend_cuda` is entered, `device="cuda"` works. Numbers are right; what a GPU would refuse
or be slow at is an error: operations over two devices, waiting for the device inside
`nobody_waits`, streams that do not wait for each other, whatever a CUDA graph cannot record.
"""

import contextlib
from types import SimpleNamespace
from unittest import mock

import torch
from torch.utils._pytree import tree_leaves

from tests.device_calls import Calls, Generator
from tests.device_memory import DEVICE, Memory, Operations, aten
from tests.device_order import Event, Order, Stream


class Graph:
    """As `torch.cuda.CUDAGraph`: does the recorded operations again, in the same memory."""

    def __init__(self):
        self.steps = []

    def replay(self):
        with torch._C._AutoDispatchBelowAutograd():  # as a GPU does not know of autograd
            for func, args, kwargs, result, makes in self.steps:
                again = func(*args, **kwargs)
                if makes:
                    for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                        if isinstance(old, torch.Tensor) and old is not new:
                            aten.copy_.default(old, new)


@contextlib.contextmanager
def pretend_cuda():
    """Inside there is one GPU; gives its `Order`."""
    order = Order(DEVICE)
    memory = Memory(order)
    operations = Operations(memory)
    calls = Calls(operations)
    empty, autocast = torch.empty, torch.autocast

    def pinned_or_not(*args, pin_memory=False, **kwargs):
        made = empty(*args, **kwargs)
        if pin_memory:
            memory.pinned.append(made)
        return made

    class Autocast(autocast):
        """The CPU's; its list of operations is nearly CUDA's."""

        def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
            super().__init__("cpu", dtype, enabled, cache_enabled)

    @contextlib.contextmanager
    def record(graph, pool=None, stream=None, capture_error_mode="global"):
        order.settle()
        graph.steps = operations.recording = []
        try:
            with order.on(Stream(order, DEVICE)):
                yield
        finally:
            operations.recording = None
        order.settle()

    stand_ins = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "device": lambda device: contextlib.nullcontext(),
        "Stream": lambda device=None, priority=0: Stream(order, DEVICE),
        "Event": lambda enable_timing=False, **_: Event(order, enable_timing),
        "current_stream": lambda device=None: order.current,
        "default_stream": lambda device=None: order.default,
        "stream": order.on,
        "synchronize": lambda device=None: order.wait("synchronize"),
        "mem_get_info": lambda device=None: (1 << 36, 1 << 37),
        "get_rng_state_all": list,
        "set_sync_debug_mode": order.refuse_waiting,
        "empty_cache": lambda: None,
        "CUDAGraph": Graph,
        "graph": record,
        "get_device_properties": lambda device=None: SimpleNamespace(
            name="Pretend", pci_domain_id=0, pci_bus_id=1, pci_device_id=0, total_memory=1 << 37
        ),
    }
    with contextlib.ExitStack() as stack:
        for name, stand_in in stand_ins.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, stand_in))
        told = mock.patch.object(
            torch.Tensor, "record_stream", lambda *of: calls.record_stream(*of)
        )
        stack.enter_context(told)
        stack.enter_context(mock.patch.object(torch, "empty", pinned_or_not))
        stack.enter_context(mock.patch.object(torch, "autocast", Autocast))
        stack.enter_context(mock.patch.object(torch, "Generator", Generator))
        by_device = torch.optim.Optimizer._group_tensors_by_device_and_dtype

        def grouped(lists, with_indices=False):
            """In C++, which asks no `Calls` what the device is."""
            found = by_device(lists, with_indices)
            return {(lists[0][0].device, dtype): group for (_, dtype), group in found.items()}

        name = "_group_tensors_by_device_and_dtype"
        stack.enter_context(mock.patch.object(torch.optim.Optimizer, name, staticmethod(grouped)))
        stack.enter_context(operations)
        stack.enter_context(calls)
        yield order
