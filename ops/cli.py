"""The `rentmatch` command line: `rentmatch COMMAND --help` explains each command.

Exit status: 0 done; 1 it could not be done, or something is not as it should be; 2 the command or a setting was
given wrongly. An operator's mistake is reported in a sentence that says what to do; a traceback is a bug of ours.
"""

import importlib
from typing import Any

import click

from ops.console import Failure, Group, Misuse
from streams.broker.cluster import BrokerError
from streams.broker.reading import UnknownTopicError
from streams.codec.registry import RegistryError
from streams.settings import SettingsError

COMMANDS = {
    "demo": "ops.commands.demo",
    "provision": "ops.commands.provision",
    "worker": "ops.commands.worker",
    "publish": "ops.commands.publish",
    "import": "ops.commands.import_files",
    "watch": "ops.commands.watch",
    "receive-webhooks": "ops.commands.receive_webhooks",
    "ledger": "ops.commands.ledger",
    "read": "ops.commands.read",
    "exceptions": "ops.commands.exceptions",
    "payouts": "ops.commands.payouts",
    "dead-letters": "ops.commands.dead_letters",
    "gateway": "ops.commands.gateway",
    "tokens": "ops.commands.tokens",
    "sessions": "ops.commands.sessions",
    "audit": "ops.commands.audit",
    "simulate": "ops.commands.simulate",
    "project-read-model": "ops.commands.project_read_model",
    "rebuild-read-model": "ops.commands.rebuild_read_model",
    "repartition": "ops.commands.repartition",
    "topology": "ops.commands.topology",
    "settings": "ops.commands.settings",
}
"""Each command and its module, which is imported when the command is used (click's lazy loading of subcommands)."""


class Commands(Group):
    """Loads commands lazily, and turns an operator's mistakes into messages and exit statuses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; click reports None as a usage error."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors that an operator can correct lose their traceback here."""
        try:
            return super().invoke(ctx)
        except (SettingsError, UnknownTopicError) as error:
            raise Misuse(str(error)) from None
        except (BrokerError, RegistryError) as error:
            raise Failure(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rentmatch")
def cli() -> None:
    """Reconcile flexible rent, payment by payment, on a stream.

    First steps, with a Kafka broker at hand:
      export RENTMATCH_BROKER=localhost:9092
      rentmatch provision                       create the topics
      rentmatch worker                          start a worker (in another terminal)
      rentmatch publish payment-initiated < payments.jsonl
      rentmatch read payment-reconciliations --last

    Everything is set by environment variables; `rentmatch settings` lists them.
    """


def main() -> None:
    """Entry point of the console script."""
    cli(prog_name="rentmatch")


if __name__ == "__main__":
    main()
