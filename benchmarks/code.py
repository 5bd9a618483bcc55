"""Which of our code a worker runs, in words for a result: a figure without it cannot be compared later."""

import subprocess
from pathlib import Path

from tools.local.worker import REPOSITORY
from tools.unpacked_wheel import is_compiled


def described(code: Path) -> str:
    """Say whether the rules in a folder of our code are compiled, and what it holds.

    A folder that is no checkout, such as an unpacked wheel, is called by its name, beside the commit of this checkout.
    """
    rules = "compiled rules" if is_compiled(code) else "plain Python"
    if (code / ".git").exists():
        return f"{rules}, commit {_commit(code)}"
    return f"{rules} of {code.name}, measured by commit {_commit(REPOSITORY)}"


def _commit(checkout: Path) -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=checkout, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
