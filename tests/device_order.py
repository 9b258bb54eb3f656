"""Who waits for whom on a device: streams and events that know what is done when an operation runs.

A clock says how many operations of each stream are over at some point. An operation may read what
another stream wrote only if its own stream's clock has that write, and memory may go to the next
owner only when everybody who used it is known to be done: what breaks that is a race, which a GPU
shows now and then and this every time. A device is as late here as it may be: an event is over only
once somebody has waited for it.
"""

import weakref
from collections import Counter
from contextlib import contextmanager
from itertools import count


class Race(AssertionError):
    """An operation is not ordered behind one that it depends on."""


class Waited(AssertionError):
    """The host waited for the device where nothing may."""


class Order:
    """What the host and each stream know to be over."""

    def __init__(self, device=None):
        self.numbers, self.streams = count(), weakref.WeakSet()
        self.host = Counter()
        self.default = Stream(self, device)
        self.current = self.default
        self.patient = True

    def wait(self, what):
        """The host waits for all of the device, for the sake of `what`."""
        if not self.patient:
            raise Waited(f"{what} waits for the device")
        self.settle()

    def settle(self):
        """The same where it is meant."""
        for stream in self.streams:
            self.host |= stream.clock

    @contextmanager
    def nobody_waits(self):
        """Inside, waiting for the device is an error; for an event it is not."""
        self.patient, before = False, self.patient
        try:
            yield
        finally:
            self.patient = before

    def refuse_waiting(self, mode):
        """As `torch.cuda.set_sync_debug_mode`."""
        self.patient = mode != "error"

    @contextmanager
    def on(self, stream):
        """As `torch.cuda.stream`."""
        before, self.current = self.current, stream or self.current
        try:
            yield
        finally:
            self.current = before

    def begin(self):
        """The number of an operation that begins now on the current stream."""
        stream = self.current
        stream.clock |= self.host
        stream.clock[stream.number] += 1
        return stream.clock[stream.number]


class Stream:
    """As `torch.cuda.Stream`, on one device."""

    def __init__(self, order, device=None):
        self.order, self.number, self.clock = order, next(order.numbers), Counter()
        self.device = device
        order.streams.add(self)

    def wait_event(self, event):
        self.clock |= event.clock or Counter()

    def wait_stream(self, other):
        self.clock |= other.clock

    def record_event(self, event=None):
        event = event or Event(self.order)
        event.record(self)
        return event

    def synchronize(self):
        self.order.wait("Stream.synchronize")


class Event:
    """As `torch.cuda.Event`. Waiting for one on the host is meant, and so allowed everywhere."""

    def __init__(self, order, enable_timing=False):
        self.order, self.timing, self.clock = order, enable_timing, None

    def record(self, stream=None):
        self.clock = Counter((stream or self.order.current).clock)

    def wait(self, stream=None):
        (stream or self.order.current).wait_event(self)

    def synchronize(self):
        self.order.host |= self.clock or Counter()

    def query(self):
        return self.clock is None or self.clock <= self.order.host

    def elapsed_time(self, other):
        if not (self.timing and other.timing and self.clock is not None and other.clock):
            raise RuntimeError("both events must have been recorded, and with enable_timing")
        if not (self.query() and other.query()):
            raise RuntimeError("device not ready: an event is not over")
        return 0.0


class Uses:
    """Of one piece of memory: which operation of which stream wrote it, and the last reads."""

    def __init__(self, order):
        self.order, self.owner = order, order.current
        self.writes, self.reads = Counter(), Counter()
        self.told = Counter()
        """Uses by streams that `record_stream` has told the allocator about."""

    def read(self, clock, now):
        self._after(self.writes, clock, "reads what another stream still writes")
        if now is not None:
            self.reads[self.order.current.number] = now

    def write(self, clock, now):
        self._after(self.writes | self.reads, clock, "writes what another stream still uses")
        self.reads = Counter()
        self.writes = Counter({self.order.current.number: now} if now is not None else {})

    def freed(self):
        """Its memory goes to whoever asks next on the stream that it was made on."""
        uses = {n: at for n, at in (self.writes | self.reads).items() if n not in self.told}
        known = self.owner.clock | self.order.host
        self._after(Counter(uses), known, "is given memory that another stream still uses")

    def _after(self, uses, clock, problem):
        late = [stream for stream, number in uses.items() if clock[stream] < number]
        if late:
            raise Race(f"an operation on stream {self.order.current.number} {problem}: {late}")
