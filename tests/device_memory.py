"""Which memory is on the pretended GPU, and what operations do with it.

Memory is marked, not tensors: views and what autograd keeps share the mark. Code of torch's own
that asks for memory on the way (in backward passes, mostly) says "cpu", which is what these tensors
are to it; such memory is `EITHER` until it meets other.
"""

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.device_order import Uses, Waited

CPU, CUDA, EITHER = "cpu", "cuda", "either"
DEVICE = torch.device("cuda", 0)
aten = torch.ops.aten

_LOOKS = {
    aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default,
    aten.equal.default, aten._unique2.default, aten.unique_dim.default, aten.bincount.default,
    aten.repeat_interleave.Tensor,
}  # fmt: skip
"""What a GPU cannot do without the host knowing a number of the result."""
_INDEXED = {
    aten.index.Tensor, aten.index_put.default, aten.index_put_.default,
    aten._index_put_impl_.default,
}  # fmt: skip
_COPIES = {aten.copy_.default, aten._to_copy.default, aten._foreach_copy_.default}
_JOINS = {aten.cat.default, aten.stack.default}
"""Take no number from the host, as other operations do."""


class Memory:
    """Where storages are, and who uses them."""

    def __init__(self, order):
        self.order = order
        self.pinned = []  # tensors whose memory is
        self._known = {}  # of a storage: a weak reference (its address is then not used again) ...
        self._shared = {}  # ... and of those that several streams use, to look at when they go

    def where(self, tensor):
        return self._entry(tensor)[1]

    def mark(self, tensor, where):
        key = tensor.untyped_storage()._cdata
        uses = Uses(self.order) if where == CUDA else None
        self._known[key] = [StorageWeakRef(tensor.untyped_storage()), where, uses]

    def uses(self, tensor):
        return self._entry(tensor)[2]

    def is_pinned(self, tensor):
        at = tensor.data_ptr()
        return any(p.data_ptr() <= at < p.data_ptr() + p.nbytes for p in self.pinned)

    def shared(self, tensor):
        """More than one stream uses it."""
        key = tensor.untyped_storage()._cdata
        self._shared[key] = self._known[key]

    def reuse(self):
        """The allocator looks for free memory of the current stream."""
        for key, (reference, _, uses) in list(self._shared.items()):
            if reference.expired() and uses.owner is self.order.current:
                uses.freed()
                del self._shared[key]
        if len(self._known) > 20_000:
            self._known = {k: e for k, e in self._known.items() if not e[0].expired()}

    def _entry(self, tensor):
        return self._known.get(tensor.untyped_storage()._cdata, (None, CPU, None))


class Operations(TorchDispatchMode):
    """Every operation: on which device it is, what it reads and writes, whether it waits."""

    def __init__(self, memory):
        super().__init__()
        self.memory, self.order = memory, memory.order
        self.asked = None
        """The device that the caller has named, if any."""
        self.recording = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        named = kwargs.get("device")
        if named is not None:
            kwargs["device"] = torch.device("cpu")
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        inputs = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        where = self._where(func, inputs, args)
        result = func(*args, **kwargs)
        written = list(_written(func, args, kwargs))
        before = {t.untyped_storage()._cdata for t in inputs}
        new = [t for t in tree_leaves(result) if isinstance(t, torch.Tensor)]
        new = [t for t in new if t.untyped_storage()._cdata not in before]
        if self.asked is not None:
            target = self.asked
        elif named is not None and named.type == CUDA:
            target = CUDA
        else:
            target = where if inputs else EITHER
        for tensor in new:
            if target == CUDA:
                self.memory.reuse()
            self.memory.mark(tensor, target)
        if new or written:
            self._use([t for t in inputs if not any(t is w for w in written)], [*written, *new])
        if self.recording is not None and CUDA in map(self.memory.where, [*inputs, *new]):
            self.recording.append((func, args, kwargs, result, bool(new)))
        return result

    def _where(self, func, inputs, args):
        places = {self.memory.where(t) for t in inputs if t.ndim}
        lone = {self.memory.where(t) for t in inputs if not t.ndim}
        if CUDA not in places | lone:
            return CPU if CPU in places | lone else EITHER
        if func in _LOOKS or (func in _INDEXED and self._looks(args)):
            self.wait(str(func))
        if func not in _COPIES | _INDEXED and CPU in (places | lone if func in _JOINS else places):
            raise RuntimeError(f"Expected all tensors to be on the same device: {func}")
        for tensor in inputs:
            if self.memory.where(tensor) == EITHER:
                self.memory.mark(tensor, CUDA)
        return CUDA

    def _looks(self, args):
        """An index is a mask, or has to be copied from the host first."""
        masks = torch.bool, torch.uint8
        indices = [index for index in args[1] if index is not None]
        return any(i.dtype in masks or self.memory.where(i) == CPU for i in indices)

    def wait(self, what):
        if self.recording is not None:
            raise Waited(f"{what} waits for the device, which a CUDA graph cannot record")
        self.order.wait(what)

    def crossing(self, source, target, non_blocking):
        """What a copy between host and device, to `target`, means to who waits for whom."""
        if target == CPU:
            if not non_blocking:
                self.wait("a copy to the host")
        elif not self.memory.is_pinned(source):
            if self.recording is not None:
                raise Waited("a CUDA graph cannot record a copy from pageable memory")
            if not non_blocking:
                self.wait("a blocking copy from pageable memory")

    def _use(self, read, written):
        """Check and note the uses of memory by an operation that begins now."""
        on_device = [self.memory.where(t) == CUDA for t in (*read, *written)]
        if any(on_device):
            now, clock = self.order.begin(), self.order.current.clock
        else:
            now, clock = None, self.order.host
        for tensors, use in ((read, Uses.read), (written, Uses.write)):
            for tensor in tensors:
                uses = self.memory.uses(tensor)
                if uses is None:
                    if not self.memory.is_pinned(tensor):
                        continue
                    self.memory.mark(tensor, CPU)
                    self.memory._known[tensor.untyped_storage()._cdata][2] = uses = Uses(self.order)
                use(uses, clock, now)
                if now is not None and self.order.current is not uses.owner:
                    self.memory.shared(tensor)


def _written(func, args, kwargs):
    """The tensors that an operation changes."""
    for place, argument in enumerate(func._schema.arguments):
        if argument.is_write:
            given = args[place] if place < len(args) else kwargs.get(argument.name)
            yield from (t for t in tree_leaves(given) if isinstance(t, torch.Tensor))
