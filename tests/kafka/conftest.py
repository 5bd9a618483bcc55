"""The command line, as a fixture."""

from tests.kit.command_line import bare_run

__all__ = ["bare_run"]
