"""What every part of a network must do, whatever it computes: layout, dtype, compile, export."""

import copy

import torch
from torch.utils._python_dispatch import TorchDispatchMode

CHANNELS_LAST = torch.channels_last


class Recorder(TorchDispatchMode):
    """Names of the operations that run under it."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def channels_last(*shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(dtype).to(memory_format=CHANNELS_LAST)


def check_layout(module, x):
    """channels_last in, channels_last out, for the gradient too, and nothing copied for it."""
    x = x.detach().requires_grad_()
    for training in (True, False):
        with Recorder() as recorder:
            y = module.train(training)(x)
        assert y.is_contiguous(memory_format=CHANNELS_LAST)
        assert not {"clone", "contiguous", "copy_", "_to_copy"} & set(recorder.names)
        if y is not x:
            (gradient,) = torch.autograd.grad(y.square().sum(), x)
            assert gradient.is_contiguous(memory_format=CHANNELS_LAST)


def check_autocast(module, shape):
    """The dtype that comes in goes out."""
    for low in (torch.bfloat16, torch.float16):
        for dtype in (low, torch.float32):
            x = channels_last(*shape, dtype=dtype).requires_grad_()
            for training in (True, False):
                with torch.autocast("cpu", low):
                    y = module.train(training)(x)
                assert y.dtype == dtype
                assert y.isfinite().all()
                assert y.is_contiguous(memory_format=CHANNELS_LAST)


def check_compiles(module, x):
    """One graph in training and in evaluation, with the same values and gradients."""
    torch.compiler.reset()
    for training in (True, False):
        ours = copy.deepcopy(module).train(training)
        theirs = torch.compile(copy.deepcopy(ours), fullgraph=True, backend="eager")
        results = []
        for run in (ours, theirs):
            leaf = x.detach().requires_grad_()
            torch.manual_seed(0)
            y = run(leaf)
            results.append((y, *torch.autograd.grad(y.square().sum(), leaf)))
        for expected, got in zip(*results, strict=True):
            torch.testing.assert_close(got, expected)


def check_exports(module, x):
    """The evaluated module as a graph, at any batch size."""
    module = module.eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    for batch_size in (x.shape[0], x.shape[0] + 3):
        other = channels_last(batch_size, *x.shape[1:], seed=batch_size)
        torch.testing.assert_close(program.module()(other), module(other))


def check_meta(build, x):
    """Built without memory, then given memory and reset, it computes what it always computes."""
    from fasttricks.models.init import initialise

    with torch.device("meta"):
        module = build()
    tensors = [*module.parameters(), *module.buffers()]
    assert tensors
    assert all(tensor.is_meta for tensor in tensors)
    assert module.eval()(x.to("meta")).is_meta

    module.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in (t for t in module.buffers() if t.is_floating_point()):
            tensor.fill_(float("nan"))  # what to_empty may leave behind
    expected = build()
    for net in (module, expected):
        torch.manual_seed(0)
        initialise(net, "xavier", zero_gamma=False)
    torch.testing.assert_close(module.eval()(x), expected.eval()(x))
