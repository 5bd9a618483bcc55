"""`rentmatch topology`: the graph of processors, topics and tables."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

import click

from ops.console import Command, put_json, put_line, put_table
from streams.topics import DAY_MS, FOREVER_MS, Topic, TopicRole
from streams.topology import TOPOLOGY, Processor, Topology


@click.command(cls=Command, name="topology", short_help="Print the graph of processors, topics and tables.")
@click.option("--json", "form", flag_value="json", help="One JSON object.")
@click.option("--mermaid", "form", flag_value="mermaid", help="A flowchart, as in the README.")
def command(form: str | None) -> None:
    """Print what each processor reads and writes, which table it keeps, and what is on each topic.

    Topics have their default names here; `rentmatch settings` shows those of this installation. No broker is needed.

    Examples:
      rentmatch topology
      rentmatch topology --json | jq '.processors[] | {name, inputs, outputs}'
      rentmatch topology --mermaid

    """
    if form == "json":
        put_json(as_json(TOPOLOGY))
    elif form == "mermaid":
        for line in mermaid(TOPOLOGY):
            put_line(line)
    else:
        _print_tables(TOPOLOGY)


def as_json(topology: Topology) -> dict[str, Any]:
    """The topology as plain values; lists are in the order of flow or of declaration."""
    return {
        "processors": [
            {
                "name": processor.name,
                "inputs": _names(processor.inputs),
                "late_inputs": _names(processor.late_inputs),
                "outputs": _names(processor.outputs),
                "table": None if processor.table is None else processor.table.name,
                "shares": [
                    {"topic": share.topic.name, "field": share.field, "values": list(share.values)}
                    for share in processor.shares
                ],
            }
            for processor in topology.in_flow_order
        ],
        "tables": [
            {
                "name": table.name,
                "id": table.id.decode(),
                "key": table.key,
                "state": table.state.__name__,
                "changelog": table.changelog.name,
            }
            for table in topology.tables
        ],
        "topics": [
            {
                "name": topic.name,
                "role": topic.role.value,
                "key": topic.key,
                "records": [record.__name__ for record in topic.records],
                "retention_ms": topic.retention_ms,
                "partitions": topic.partitions,
                "written_by_runtime": topic in topology.runtime,
                "meaning": topic.meaning,
            }
            for topic in topology.topics
        ],
        "upstream": {topic.name: _names(before) for topic, before in topology.upstream.items()},
    }


def mermaid(topology: Topology) -> list[str]:
    """The lines of a Mermaid flowchart. Boxes are topics that others write or read, slanted boxes internal topics."""
    lines = ["flowchart LR"]
    shown: set[str] = set()

    def node(name: str, shape: str, suffix: str = "") -> str:
        node_id = name.replace("-", "_") + suffix
        if node_id in shown:
            return node_id
        shown.add(node_id)
        return node_id + shape.format(name)

    def topic_node(topic: Topic) -> str:
        return node(topic.name, "[/{}/]" if topic.role is TopicRole.INTERNAL else "[{}]")

    def processor_node(processor: Processor) -> str:
        return node(processor.name, "{{{{{}}}}}")

    for processor in topology.in_flow_order:
        for topic in processor.inputs:
            arrow = "-- late -->" if topic in processor.late_inputs else "-->"
            lines.append(f"    {topic_node(topic)} {arrow} {processor_node(processor)}")
        if processor.table is not None:
            table = node(processor.table.name, "[({})]", "_table")  # a topic may have the same name
            lines.append(f"    {processor_node(processor)} <--> {table}")
        lines += [f"    {processor_node(processor)} --> {topic_node(topic)}" for topic in processor.outputs]
    for topic in topology.runtime:
        if topic.role is TopicRole.OUTPUT:
            lines += [f"    {processor_node(each)} -.-> {topic_node(topic)}" for each in topology.in_flow_order]
    return lines


def _print_tables(topology: Topology) -> None:
    put_table(
        ["processor", "reads", "writes", "table"],
        [
            row
            for processor in topology.in_flow_order
            for row in _rows(
                [processor.name],
                [_input(processor, topic) for topic in processor.inputs],
                [line for topic in processor.outputs for line in _output(processor, topic)],
                ["-" if processor.table is None else processor.table.name],
            )
        ],
    )
    put_line("")
    put_table(
        ["table", "id", "key", "state", "changelog"],
        [
            [table.name, table.id.decode(), table.key, table.state.__name__, table.changelog.name]
            for table in topology.tables
        ],
    )
    put_line("")
    put_table(
        ["topic", "role", "key", "records", "retention"],
        [
            row
            for topic in topology.topics
            for row in _rows(
                [topic.name], [topic.role.value], [topic.key], _records(topic, topology), [_retention(topic)]
            )
        ],
    )


def _rows(*columns: list[str]) -> list[list[str]]:
    """Lines of a table from cells of several lines each."""
    return [list(row) for row in zip_longest(*columns, fillvalue="")]


def _input(processor: Processor, topic: Topic) -> str:
    return f"{topic.name} (late)" if topic in processor.late_inputs else topic.name


def _output(processor: Processor, topic: Topic) -> list[str]:
    """An output, with the processor's share where other processors write to it as well."""
    for share in processor.shares:
        if share.topic is topic:
            if len(share.values) == 1:
                return [f"{topic.name} ({share.field} {share.values[0]})"]
            return [topic.name, *(f"  ({share.field} {value})" for value in share.values)]
    return [topic.name]


def _records(topic: Topic, topology: Topology) -> list[str]:
    if topic in topology.runtime:
        return ["written by the runtime"]
    return [record.__name__ for record in topic.records]


def _retention(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "compacted"
    return "for ever" if topic.retention_ms == FOREVER_MS else f"{topic.retention_ms // DAY_MS} days"


def _names(topics: Iterable[Topic]) -> list[str]:
    return [topic.name for topic in topics]
