"""Stopping when asked: the batch under way is finished first, and a checkpoint written."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

NOTE = "fasttricks: stopping after {}; Ctrl-C again ends at once\n"


class Stopper:
    """While it is entered, SIGTERM and SIGINT only leave a note, which is told at once.

    A second signal interrupts if it is SIGINT, and should tidying up then take long, a third ends
    the process on the spot.

    Attributes:
        asked: the name of the signal that came, "" as long as none did.

    Python delivers signals to the main thread only, so in others this does nothing.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.asked = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopper:
        if threading.current_thread() is threading.main_thread():
            for one in self._SIGNALS:
                self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise KeyboardInterrupt
        if not self.asked and os.environ.get("RANK", "0") == "0":
            # Not print: the signal may have come in the middle of one, which cannot be re-entered.
            alone = os.environ.get("WORLD_SIZE", "1") == "1"
            os.write(2, NOTE.format("this batch" if alone else "one of the next batches").encode())
        self.asked = signal.Signals(number).name
