"""`rentmatch provision`: create the topics, or check them."""

from typing import Any

import click

from ops.console import Command, fail, put_json, put_line, put_table, say
from streams.broker.provisioning import Difference, Finding, Report, TopicState, provision
from streams.settings import load


@click.command(cls=Command, name="provision", short_help="Create or check the topics.")
@click.option("--check", is_flag=True, help="Change nothing; exit status 1 if anything is missing or different.")
@click.option("--apply", is_flag=True, help="Also change settings of existing topics that differ (never partitions).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a topic.")
def command(check: bool, apply: bool, as_json: bool) -> None:
    """Create the topics that are missing and say where existing ones differ. Safe to repeat.

    Existing topics are never deleted and keep their partitions. Input topics that exist already are fine with any
    number of partitions. The topic of decisions keeps every record for ever, because it is the audit trail. Names,
    partitions and replication are settings: RENTMATCH_TOPIC_…, RENTMATCH_PARTITIONS, RENTMATCH_REPLICATION_FACTOR.

    Examples:
      rentmatch provision               create what is missing
      rentmatch provision --check       for a deployment: is all as it should be?
      rentmatch provision --apply       also mend settings that differ

    """
    if check and apply:
        raise click.UsageError("--check changes nothing, so it cannot go with --apply.")
    report = provision(load(), create=not check, apply=apply)
    if as_json:
        for finding in report.findings:
            put_json(_as_json(finding))
    else:
        _show(report)
    for note in report.notes:
        say(f"note: {note}")
    for error in report.errors:
        say(f"error: {error}")
    if report.errors:
        fail("the topics are not fit for a worker; see above.")
    if check and not report.as_desired:
        fail(
            "the topics are not all as the settings want them; see above. "
            "`rentmatch provision` creates what is missing."
        )


def _show(report: Report) -> None:
    rows = []
    for finding in report.findings:
        here = finding.state is not TopicState.MISSING
        rows.append(
            [
                finding.desired.name,
                finding.desired.topic.role.value,
                finding.state.value + (f", {len(finding.applied)} changed" if finding.applied else ""),
                str(finding.partitions) if here else "-",
                str(finding.replication) if here else "-",
                "; ".join(f"{d.name} is {d.found}, not {d.desired}" for d in finding.differences) or "-",
            ]
        )
    put_table(["topic", "role", "state", "partitions", "replicas", "differs"], rows)
    for finding in report.findings:
        for difference in finding.differences:
            put_line(f"{finding.desired.name}: {difference.name}: {difference.remedy}")
    if any(d.alterable for finding in report.findings for d in finding.differences):
        put_line("`rentmatch provision --apply` runs the kafka-configs changes of our own topics for you.")


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "topic": finding.desired.name,
        "role": finding.desired.topic.role.value,
        "state": finding.state.value,
        "partitions": finding.partitions,
        "replication": finding.replication,
        "differences": [_difference(d) for d in finding.differences],
        "applied": [_difference(d) for d in finding.applied],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "what": difference.name,
        "wanted": difference.desired,
        "found": difference.found,
        "remedy": difference.remedy,
        "alterable": difference.alterable,
    }
