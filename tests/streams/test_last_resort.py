"""A worker that cannot go on is gone soon, even if something in it waits for ever."""

import subprocess
import sys
import time

STUCK = """
import logging, threading
logging.basicConfig()
from streams.transport.last_resort import end_soon
end_soon(0.3)
threading.Thread(target=threading.Event().wait).start()
"""


def test_it_is_gone_soon_with_status_1_and_a_word():
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "ended by force" in ended.stderr
    assert time.monotonic() - began < 10


def test_one_that_ends_by_itself_is_not_waited_for():
    orderly = STUCK.rpartition("threading.Thread")[0].replace("0.3", "60")
    assert subprocess.run([sys.executable, "-c", orderly], timeout=30, check=False).returncode == 0
