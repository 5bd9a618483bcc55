"""The work of a block, counted in lines of Python: the same on every machine, busy or not, which no clock is."""

import sys
from types import FrameType, TracebackType
from typing import Any, Self


class LinesRun:
    """Counts the lines of all that the block calls. Work inside C, and in compiled modules, is not counted."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sys.settrace(self._before)

    def _trace(self, _frame: FrameType, event: str, _arg: object) -> Any:
        self.count += event == "line"
        return self._trace
