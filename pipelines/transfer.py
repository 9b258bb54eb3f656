"""Batches on their way to a GPU while it computes.

What is pageable is copied to pinned memory first, of which a few buffers are used in turn. Copies
to the device run on a stream of their own, so they do not queue behind the caller's work, as they
would on its stream; but what the caller does with a batch waits for the copy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch


class Device(Protocol):
    """What `Transfer` needs of a device."""

    stream: Any
    """The stream of the copies."""

    def event(self) -> Any:
        """An event that is not recorded yet: waiting for it is over at once."""

    def pinned(self, size: int) -> torch.Tensor:
        """uint8 [size] in memory that the device can read by itself."""

    def send(self, source: torch.Tensor) -> torch.Tensor:
        """A copy on the device, queued on `stream`."""

    def current(self) -> Any:
        """The caller's stream."""


class Cuda:
    """A CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def event(self) -> torch.cuda.Event:
        """As in `Device`."""
        return torch.cuda.Event()  # type: ignore[no-untyped-call]

    def pinned(self, size: int) -> torch.Tensor:
        """As in `Device`."""
        return torch.empty(size, dtype=torch.uint8, device="cpu", pin_memory=True)

    def send(self, source: torch.Tensor) -> torch.Tensor:
        """As in `Device`."""
        with torch.cuda.stream(self.stream):
            return source.to(self._device, non_blocking=True)

    def current(self) -> torch.cuda.Stream:
        """As in `Device`."""
        return torch.cuda.current_stream(self._device)


@dataclass(slots=True)
class _Slot:
    """One of the buffers: pinned memory for each tensor of a call, by its number.

    `sent` is over when the copies from here are done; only then may it be written again.
    """

    sent: Any
    rooms: dict[int, torch.Tensor] = field(default_factory=dict)
    held: list[torch.Tensor] = field(default_factory=list)
    """Pinned memory of others that is being copied; it must not go back to them before."""


class Transfer:
    """Sends tensors to a device; where that is the CPU, it does nothing.

    Args:
        device: where to.
        depth: how many calls may be on their way before one waits for the first.
        cuda: how to do it; by default as `Cuda` does.
    """

    def __init__(self, device: torch.device, depth: int = 2, cuda: Device | None = None) -> None:
        self._cuda = Cuda(device) if cuda is None and device.type == "cuda" else cuda
        self._slots = [_Slot(self._cuda.event()) for _ in range(depth)] if self._cuda else []
        self._calls = 0
        self._sending = threading.Lock()

    def __call__(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        """The tensors on the device, for the caller's current stream, which is not waited for;
        those that are on one already as they are."""
        if self._cuda is None:
            return list(tensors)
        with self._sending:
            return self._send(tensors)

    def settle(self) -> None:
        """Wait for copies from pinned memory of others, and let go of it; from any thread.

        Copies wait for no one, so it takes as long as they take: a millisecond or two.
        """
        with self._sending:
            for slot in self._slots:
                if slot.held:
                    slot.sent.synchronize()
                    slot.held = []

    def _send(self, tensors: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        assert self._cuda is not None
        for old in self._slots:
            if old.sent.query():
                old.held = []
        slot = self._slots[self._calls % len(self._slots)]
        self._calls += 1
        slot.sent.synchronize()
        slot.held = []
        sent = [
            self._cuda.send(self._pinned(slot, number, tensor)) if tensor.is_cpu else tensor
            for number, tensor in enumerate(tensors)
        ]
        slot.sent.record(self._cuda.stream)
        current = self._cuda.current()
        current.wait_event(slot.sent)
        for tensor in sent:
            # Made on the other stream: not to be freed for it while the caller's still reads.
            tensor.record_stream(current)
        return sent

    def _pinned(self, slot: _Slot, number: int, tensor: torch.Tensor) -> torch.Tensor:
        """The same numbers in pinned memory: as they are, or in a buffer of the slot."""
        assert self._cuda is not None
        if tensor.is_pinned():
            slot.held.append(tensor)
            return tensor
        size = tensor.numel() * tensor.dtype.itemsize
        if number not in slot.rooms or len(slot.rooms[number]) < size:
            slot.rooms[number] = self._cuda.pinned(size)
        room = slot.rooms[number][:size].view(tensor.dtype).view(tensor.shape)
        return room.copy_(tensor)


def set_device_of_thread(device: torch.device) -> Callable[[], None]:
    """What a thread is to do first that pins memory, or waits until it is copied.

    Each thread has a current CUDA device of its own, at first the first one: there such a thread of
    another process of the run would make a context, of some hundred MB.
    """
    if device.type != "cuda":
        return lambda: None
    number = torch.cuda.current_device() if device.index is None else device.index
    return lambda: torch.cuda.set_device(number)
