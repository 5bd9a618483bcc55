"""`rentmatch rebuild-read-model`: replaces the read model by one made from the topics."""

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


@click.command(cls=Command, name="rebuild-read-model", short_help="Rebuild the read model from the topics.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--history-anew",
    is_flag=True,
    help="Also replace the history by the versions that the topics still have. Versions that compaction "
    "has removed from the topics are lost.",
)
def command(*, yes: bool, history_anew: bool) -> None:
    """Rebuild the read model from the output topics, and replace the present one.

    Use it after an upgrade, if the projector logs that an earlier version wrote the read model; if the read model was
    lost or changed by hand; or after the cause of documents in `poisoned` is fixed. The
    command fills new collections (`payments_rebuild`, …) from the first records of the topics to their ends, renames
    each to its final name in one step, and then reads the records that arrived meanwhile. A reader sees the old
    documents or the new ones, never a mixture. The collections are renamed one after the other, milliseconds apart.

    Projectors may run meanwhile. If none runs, their group is set to the end of the rebuild, so that the next one
    continues there. While MongoDB is unavailable the rebuild retries. A rebuild that was killed leaves the live
    collections unchanged; start it again.

    The history is kept, because the topics may no longer have all of its versions; those that they have are written
    again. With --history-anew the history is replaced by these.

    Example:
      rentmatch rebuild-read-model --yes

    """
    settings = load()
    logging.basicConfig(level=settings.log_level, format="[%(levelname)s] %(message)s")
    if not yes and not click.confirm(f"Rebuild the read model in {settings.mongo_database}?", err=True):
        misuse("nothing was done; --yes skips the question")
    rebuilt = asyncio.run(_rebuild(settings, history_anew))
    for (collection, outcome), count in sorted(rebuilt.outcomes.items()):
        if count:
            put_line(f"{collection}: {count} {outcome}")
    refused = set_group_offsets(settings, rebuilt.offsets)
    if refused is not None:
        say(f"The projectors' group was left as it is ({refused}), as expected while one of them runs.")
    poisoned = sum(count for (_, outcome), count in rebuilt.outcomes.items() if outcome == "poisoned")
    if poisoned:
        fail(f"{poisoned} records could not become documents; the collection `poisoned` has the reasons.")


async def _rebuild(settings: Settings, history_anew: bool) -> RebuildResult:
    mongo = mongo_of(settings)
    try:
        await mongo.ping()
        with meter("rebuilding", total=None) as drawn:
            rebuild = Rebuild(
                settings, mongo, codec_of(settings), system_clock, replace_history=history_anew, progress=drawn.reach
            )
            return await rebuild.run()
    except MongoUnavailable as error:
        fail(f"MongoDB does not answer: {error}. Check RENTMATCH_MONGO_URL.")
    except (RebuildInProgress, MongoConfigError) as error:
        fail(str(error))
    finally:
        await mongo.close()
