"""The work of a call, counted in lines of Python: the same on every machine, busy or not, which no clock is."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, ParamSpec

P = ParamSpec("P")


def lines_run(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> int:
    """Make the call, and give how many lines it ran. Work inside C, and in compiled modules, is not counted."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(*args, **kwargs)
    finally:
        sys.settrace(before)
    return count
