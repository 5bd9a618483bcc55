"""The pages in docs/ agree with the code: one number or name for each thing."""

from ops.commands.settings import rows
from streams.settings import load
from streams.transport.commit_loop import BACKLOG_INTERVALS


def test_the_longest_wait_of_a_commit_in_a_backlog_is_documented() -> None:
    (meaning,) = [row["meaning"] for row in rows(load({})) if row["name"] == "RENTMATCH_COMMIT_INTERVAL_MS"]
    assert meaning.endswith(f"up to {BACKLOG_INTERVALS} times that in a backlog")
