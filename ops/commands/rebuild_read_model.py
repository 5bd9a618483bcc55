"""`rentmatch rebuild-read-model`: the read model made anew from the topics."""

import asyncio
import logging

import click

from ops.commands.project_read_model import mongo_of
from ops.console import Command, fail, meter, misuse, put_line, say
from read_model.mongo import MongoConfigError, MongoUnavailable
from read_model.rebuild import Rebuild, RebuildInProgress, RebuildResult, set_group_offsets
from streams.clocks import system_clock
from streams.codec.codec import codec_of
from streams.settings import Settings, load


@click.command(cls=Command, name="rebuild-read-model", short_help="Make the read model anew from the topics.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--history-anew",
    is_flag=True,
    help="Drop the history, too, and fill it with the versions that the topics still hold. Versions that compaction "
    "has removed from the topics are lost.",
)
def command(*, yes: bool, history_anew: bool) -> None:
    """Make the read model anew from the output topics, and put it in place of the one that is there.

    For a read model that was lost or changed by hand, or after documents were put aside in `poisoned` whose cause is
    mended. It fills fresh collections (`payments_rebuild`, …) from the topics' first records to their ends, renames
    each into its place in one step, and then reads what came meanwhile: a reader sees the old documents or the new
    ones, never half of them. The four collections change places one after the other, milliseconds apart.

    Projectors may run meanwhile and need not be stopped. If none runs, their group is set to where the rebuild ended,
    so that the next one goes on from there. While MongoDB is away it waits. A rebuild that was killed leaves the live
    collections as they were; begin it again.

    The history is kept, since the topics may no longer have every version of it; the versions that they have are
    written again. With --history-anew it is made out of these alone.

    Example:
      rentmatch rebuild-read-model --yes

    """
    settings = load()
    logging.basicConfig(level=settings.log_level, format="[%(levelname)s] %(message)s")
    if not yes and not click.confirm(f"Make the read model in {settings.mongo_database} anew?", err=True):
        misuse("nothing was done; --yes does it without asking")
    rebuilt = asyncio.run(_rebuild(settings, history_anew))
    for (collection, outcome), count in sorted(rebuilt.outcomes.items()):
        if count:
            put_line(f"{collection}: {count} {outcome}")
    refused = set_group_offsets(settings, rebuilt.offsets)
    if refused is not None:
        say(f"The projectors' group was left as it is ({refused}): as it should be while one of them runs.")
    poisoned = sum(count for (_, outcome), count in rebuilt.outcomes.items() if outcome == "poisoned")
    if poisoned:
        fail(f"{poisoned} records could not become documents; the collection `poisoned` says why.")


async def _rebuild(settings: Settings, history_anew: bool) -> RebuildResult:
    mongo = mongo_of(settings)
    try:
        await mongo.ping()
        with meter("rebuilding", total=None) as drawn:
            rebuild = Rebuild(
                settings, mongo, codec_of(settings), system_clock, history_anew=history_anew, progress=drawn.reach
            )
            return await rebuild.run()
    except MongoUnavailable as error:
        fail(f"MongoDB does not answer: {error}. Look at RENTMATCH_MONGO_URL.")
    except (RebuildInProgress, MongoConfigError) as error:
        fail(str(error))
    finally:
        await mongo.close()
