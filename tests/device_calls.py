"""What Python's calls of torch say of devices while CUDA is pretended."""

import contextlib

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from tests.device_memory import CPU, CUDA, DEVICE, EITHER


class Calls(TorchFunctionMode):
    """Every call from Python: what a tensor says of its device, and which device it shall be on."""

    def __init__(self, operations):
        super().__init__()
        self.operations, self.memory = operations, operations.memory
        self._answers = {
            getter(torch.Tensor, name): method
            for name, method in (
                ("device", self._device),
                ("is_cuda", lambda t: self.memory.where(t) == CUDA),
                ("is_cpu", lambda t: self.memory.where(t) != CUDA),
            )
        }
        for name in ("to", "cpu", "cuda", "numpy", "tolist", "is_pinned", "pin_memory",
                     "copy_", "get_device", "__array__"):  # fmt: skip
            self._answers[getattr(torch.Tensor, name)] = getattr(self, f"_{name.strip('_')}")

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        answer = self._answers.get(func)
        if answer is not None:
            return answer(*args, **kwargs)
        named = kwargs.get("device")
        if named is not None:
            named = torch.device(named).type
            kwargs["device"] = "cpu"
            if func in (torch.tensor, torch.as_tensor) and named == CUDA:
                self.operations.wait(f"torch.{func.__name__}(..., device=cuda)")
        elif not any(isinstance(t, torch.Tensor) for t in tree_leaves((args, kwargs))):
            named = CPU  # as nothing is said of another
        self._check_generator(kwargs.get("generator"), named, args)
        with self._asked(named):
            result = func(*args, **kwargs)
        if func in (torch.tensor, torch.as_tensor, torch.from_numpy) and named is not None:
            self.memory.mark(result, named)
        return result

    def _check_generator(self, generator, named, args):
        if generator is not None:
            first = next((a for a in args if isinstance(a, torch.Tensor)), None)
            wanted = self.memory.where(first) if named is None and first is not None else named
            if getattr(generator, "where", CPU) != wanted:
                raise RuntimeError(f"Expected a '{wanted}' device type for generator")

    @contextlib.contextmanager
    def _asked(self, where):
        before, self.operations.asked = self.operations.asked, where
        try:
            yield
        finally:
            self.operations.asked = before

    def _device(self, tensor):
        return DEVICE if self.memory.where(tensor) == CUDA else torch.device("cpu")

    def _get_device(self, tensor):
        return 0 if self.memory.where(tensor) == CUDA else -1

    def _to(self, tensor, *args, copy=False, **kwargs):
        if args and isinstance(args[0], torch.Tensor):
            args = (self._device(args[0]), args[0].dtype, *args[1:])
        device, dtype, non_blocking, layout = torch._C._nn._parse_to(*args, **kwargs)
        here = self.memory.where(tensor)
        target = here if device is None else device.type
        more = {} if layout is None else {"memory_format": layout}
        if target == here or here == EITHER:
            with self._asked(None):
                return tensor.to(dtype=dtype or tensor.dtype, copy=copy, **more)
        self.operations.crossing(tensor, target, non_blocking)
        with self._asked(target):
            return tensor.to(dtype=dtype or tensor.dtype, copy=True, **more)

    def _cpu(self, tensor):
        return self._to(tensor, torch.device("cpu"))

    def _cuda(self, tensor, device=None, non_blocking=False):
        return self._to(tensor, DEVICE, non_blocking=non_blocking)

    def _copy(self, target, source, non_blocking=False):
        there = self.memory.where(target)
        if self.memory.where(source) not in (there, EITHER):
            self.operations.crossing(source, there, non_blocking)
        return target.copy_(source)

    def _numpy(self, tensor, *, force=False):
        return self._host(tensor).numpy(force=force)

    def _array(self, tensor, *args):
        return self._host(tensor).__array__(*args)

    def _host(self, tensor):
        if self.memory.where(tensor) == CUDA:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return tensor

    def _tolist(self, tensor):
        if self.memory.where(tensor) == CUDA:
            self.operations.wait("tolist")
        return tensor.tolist()

    def _is_pinned(self, tensor, device=None):
        return self.memory.is_pinned(tensor)

    def _pin_memory(self, tensor, device=None):
        if self.memory.where(tensor) == CUDA:
            raise RuntimeError("cannot pin a tensor that is not dense and on the CPU")
        pinned = torch.empty_like(tensor).copy_(tensor)
        self.memory.pinned.append(pinned)
        return pinned

    def record_stream(self, tensor, stream):
        """As the method, which would look for a real stream before it asks anybody."""
        if self.memory.where(tensor) != CUDA:
            raise RuntimeError("record_stream is for tensors on a GPU")
        self.memory.uses(tensor).told[stream.number] = 1


def getter(owner, name):
    """What a torch function is called with when a property is read."""
    return getattr(owner, name).__get__


class Generator(torch.Generator):
    """As torch's; it draws other numbers than a GPU's would."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls)
        made.where = torch.device(device).type
        return made
