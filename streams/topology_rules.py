"""The rules for a topology, checked when it is built. Each yields a message for each violation."""

from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec

from streams.codec import bundles
from streams.topics import Topic, TopicRole

if TYPE_CHECKING:
    from streams.topology import Processor, Topology


def violations(topology: "Topology") -> list[str]:
    """All violations of the first group of rules with any: a later group presupposes the earlier ones."""
    for rules in _RULES:
        found = [violation for rule in rules for violation in rule(topology)]
        if found:
            return found
    return []


def flow_order(processors: Iterable["Processor"]) -> tuple[list["Processor"], list["Processor"]]:
    """The processors, each after those whose records it reads, else as declared; and those that feed each other."""
    order: list[Processor] = []
    waiting = list(processors)
    while ready := next((p for p in waiting if not any(_feeds(other, p) for other in waiting)), None):
        waiting.remove(ready)
        order.append(ready)
    return order, waiting


def behind(processors: Iterable["Processor"], topic: Topic) -> set[Topic]:
    """The topics to which records go on from a topic, however far: what its readers write, and so on."""
    known = list(processors)
    found: set[Topic] = set()
    waiting = [topic]
    while waiting:
        one = waiting.pop()
        for processor in known:
            if one in processor.inputs:
                further = [output for output in processor.outputs if output not in found]
                found.update(further)
                waiting += further
    return found


def _feeds(writer: "Processor", reader: "Processor") -> bool:
    return any(topic in reader.inputs and topic not in reader.late_inputs for topic in writer.outputs)


def _names_are_unique(topology: "Topology") -> Iterator[str]:
    for what, names in (
        ("topics", [topic.name for topic in topology.topics]),
        ("tables", [table.name for table in topology.tables]),
        ("table ids", [repr(table.id) for table in topology.tables]),
        ("processors", [processor.name for processor in topology.processors]),
    ):
        for name in _repeated(names):
            yield f"two {what} are called {name}: rename one"
    for table in topology.tables:
        if len(table.id) != 1:
            yield f"table {table.name}: the id {table.id!r} must be one byte, since the store's keys have room for one"


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _everything_is_declared(topology: "Topology") -> Iterator[str]:
    for processor in topology.processors:
        for topic in dict.fromkeys((*processor.inputs, *processor.outputs)):
            if topic not in topology.topics:
                yield f"{processor.name} uses the topic {topic.name}, which is not declared: add it to the topics"
        if processor.table is not None and processor.table not in topology.tables:
            name = processor.table.name
            yield f"{processor.name} keeps the table {name}, which is not declared: add it to the tables"
    for table in topology.tables:
        if table.changelog not in topology.topics:
            yield f"the changelog {table.changelog.name} of table {table.name} is not declared: add it to the topics"
    for topic in topology.runtime:
        if topic not in topology.topics:
            yield f"the runtime writes the topic {topic.name}, which is not declared: add it to the topics"


def _each_table_has_its_changelog(topology: "Topology") -> Iterator[str]:
    for table in topology.tables:
        if table.changelog.role is not TopicRole.CHANGELOG:
            yield f"table {table.name}: {table.changelog.name} is {_an(table.changelog)}; name a changelog"
        if table.changelog.records != (table.state,):
            yield (
                f"table {table.name}: the records of {table.changelog.name} are "
                f"{_types(table.changelog.records)}, the table's state is {table.state.__name__}; make them the same"
            )
    for topic in topology.topics:
        if topic.role is TopicRole.CHANGELOG:
            of = [table.name for table in topology.tables if table.changelog is topic]
            if not of:
                yield f"{topic.name} is the changelog of no table: declare the table, or remove the topic"
            elif len(of) > 1:
                yield f"{topic.name} is the changelog of {' and '.join(of)}: give each table its own"


def _each_table_has_one_processor(topology: "Topology") -> Iterator[str]:
    for table in topology.tables:
        keeping = [processor.name for processor in topology.processors if processor.table is table]
        if not keeping:
            yield f"no processor keeps the table {table.name}: give it to one, or remove it"
        elif len(keeping) > 1:
            yield f"the table {table.name} is kept by {' and '.join(keeping)}: a table has one processor"


def _each_table_has_one_source(topology: "Topology") -> Iterator[str]:
    for processor in topology.processors:
        in_time = [topic for topic in processor.inputs if topic not in processor.late_inputs]
        if processor.table is not None and len(in_time) != 1:
            names = " and ".join(topic.name for topic in in_time) or "no topic"
            yield (
                f"{processor.name} keeps the table {processor.table.name} from {names}: keep it from one topic, beside "
                "late inputs, since deadlines of the table wait for that topic and for what answers it"
            )


def _late_inputs_are_late(topology: "Topology") -> Iterator[str]:
    for processor in topology.processors:
        for topic in processor.late_inputs:
            name = f"{processor.name} declares the late input {topic.name}"
            if topic not in processor.inputs:
                yield f"{name}, which is none of its inputs: add it to the inputs, or remove it from the late ones"
            elif processor.table is None:
                yield f"{name}, but keeps no table: nothing of it waits for an answer; remove it from the late inputs"
            elif not any(topic in behind(topology.processors, output) for output in processor.outputs):
                yield (
                    f"{name}, but nothing that it writes leads there: remove it from the late inputs, so that its "
                    "records are handed over within a commit"
                )


def _each_topic_is_read_as_its_role_says(topology: "Topology") -> Iterator[str]:
    for topic in topology.topics:
        readers = [processor.name for processor in topology.processors if topic in processor.inputs]
        if topic in topology.runtime or topic.role in (TopicRole.CHANGELOG, TopicRole.OUTPUT):
            if readers:
                names = " and ".join(readers)
                yield f"{names} reads {topic.name}, {_an(topic)}: only inputs and internal topics of facts are read"
        elif not readers:
            yield f"no processor reads {topic.name}: add it to a processor's inputs, or remove the topic"
        elif len(readers) > 1:
            yield (
                f"{topic.name} is read by {' and '.join(readers)}: its offsets belong to one processor; let that one "
                "route the facts to an internal topic for each other"
            )


def _each_topic_is_written_as_its_role_says(topology: "Topology") -> Iterator[str]:
    for topic in topology.topics:
        writers = [processor for processor in topology.processors if topic in processor.outputs]
        names = " and ".join(processor.name for processor in writers)
        if topic in topology.runtime:
            if writers:
                yield f"{names} declares the output {topic.name}: the runtime writes it; remove it from the outputs"
        elif topic.role is TopicRole.INPUT or topic.role is TopicRole.CHANGELOG:
            if writers:
                who = "others write it" if topic.role is TopicRole.INPUT else "its table writes it"
                yield f"{names} declares the output {topic.name}, {_an(topic)}: {who}; remove it from the outputs"
        elif not writers:
            yield f"no processor writes {topic.name}: add it to a processor's outputs, or remove the topic"
        elif len(writers) > 1:
            yield from _share_violations(topic, writers)


def _share_violations(topic: Topic, writers: list["Processor"]) -> Iterator[str]:
    shares = {processor: share for processor in writers for share in processor.shares if share.topic is topic}
    missing = [processor.name for processor in writers if processor not in shares]
    if missing:
        names = " and ".join(processor.name for processor in writers)
        yield (
            f"{topic.name} is written by {names}, but {' and '.join(missing)} declares no share of it: a topic has one "
            "writer, or each writer declares the records that it alone writes"
        )
        return
    if len({share.field for share in shares.values()}) > 1:
        fields = ", ".join(sorted({share.field for share in shares.values()}))
        yield f"the writers of {topic.name} divide it by different fields ({fields}): divide it by one"
        return
    for (left, mine), (right, other) in combinations(shares.items(), 2):
        if both := sorted({*mine.values} & {*other.values}):
            names = f"{left.name} and {right.name}"
            yield f"{names} both write {mine.field} {', '.join(both)} to {topic.name}: let one do it"
    (field,) = {share.field for share in shares.values()}
    written = {value for share in shares.values() for value in share.values}
    if field == "type" and written != {record.__name__ for record in topic.records}:
        yield (
            f"the shares of {topic.name} are {', '.join(sorted(written))}, its records are {_types(topic.records)}: "
            "each record needs one writer"
        )


def _shares_are_of_shared_topics(topology: "Topology") -> Iterator[str]:
    for processor in topology.processors:
        for share in processor.shares:
            writers = [other for other in topology.processors if share.topic in other.outputs]
            if processor not in writers:
                name = share.topic.name
                yield f"{processor.name} declares a share of {name}, which is none of its outputs: remove it"
            elif len(writers) == 1:
                yield f"{processor.name} is the only writer of {share.topic.name}: remove its share"


def _changelogs_are_copartitioned(topology: "Topology") -> Iterator[str]:
    for processor in topology.processors:
        table = processor.table
        if table is None:
            continue
        for topic in processor.inputs:
            if topic.role is TopicRole.INPUT:
                yield (
                    f"{processor.name} keeps the table {table.name} from the input {topic.name}, whose partitions its "
                    "producers choose: route its facts to an internal topic, and keep the table from that"
                )
            if (topic.partitions, topic.key) != (table.changelog.partitions, table.changelog.key):
                yield (
                    f"{topic.name} ({_partitioning(topic)}) feeds table {table.name}, whose changelog "
                    f"{table.changelog.name} is partitioned otherwise ({_partitioning(table.changelog)}): a key's "
                    "facts and its state belong in the same partition; declare the same key and number for both"
                )
        if table.key != table.changelog.key:
            yield (
                f"table {table.name} is keyed by {table.key}, its changelog {table.changelog.name} by "
                f"{table.changelog.key}: make them the same"
            )


def _every_record_has_its_key(topology: "Topology") -> Iterator[str]:
    for topic in topology.topics:
        if topic in topology.runtime:
            continue
        for record in topic.records:
            if topic.role is not TopicRole.CHANGELOG and not hasattr(record, topic.key):
                name = record.__name__
                yield f"{topic.name} is keyed by {topic.key}, but {name} has no such field: change one of them"


def _every_record_has_a_codec(topology: "Topology") -> Iterator[str]:
    for topic in topology.topics:
        if topic in topology.runtime:
            continue
        if not topic.records:
            yield f"{topic.name} declares no records: name the types that are on it"
        for record in topic.records:
            if topic.role in (TopicRole.INPUT, TopicRole.OUTPUT) and not _schema_file(record).is_file():
                yield (
                    f"{record.__name__} on {topic.name} has no Avro schema: write it to "
                    f"schemas/avro/{_schema_file(record).name}"
                )
        if topic.role is TopicRole.INTERNAL and topic.records:
            yield from _packing_violations(topic)


def _packing_violations(topic: Topic) -> Iterator[str]:
    try:
        bundles.decoder_of(topic)
    except TypeError as error:
        yield (
            f"the records of {topic.name} ({_types(topic.records)}) cannot be packed together: give each a tag of its "
            f"own ({error})"
        )


def _schema_file(record: type[msgspec.Struct]) -> Traversable:
    name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in record.__name__).lstrip("_")
    return resources.files("schemas.avro") / f"{name}.avsc"


def _every_topic_keeps_what_it_must(topology: "Topology") -> Iterator[str]:
    for topic in topology.topics:
        if topic.role is TopicRole.CHANGELOG and not topic.compacted:
            yield f"{topic.name} is a changelog and forgets records after a time: make it compacted (retention_ms=None)"
        facts = topic.role is TopicRole.INPUT or (topic.role is TopicRole.INTERNAL and topic not in topology.runtime)
        if facts and topic.compacted:
            yield f"{topic.name} holds facts, and compaction drops facts that share a key: give it a retention_ms"


def _the_graph_is_acyclic(topology: "Topology") -> Iterator[str]:
    _, cyclic = flow_order(topology.processors)
    if cyclic:
        names = ", ".join(processor.name for processor in cyclic)
        yield (
            f"the processors {names} feed each other in a cycle, so no watermark could advance: remove an output, or "
            "declare the topic that leads back a late input of its reader, if it answers what that has written"
        )


_RULES: tuple[tuple[Callable[["Topology"], Iterable[str]], ...], ...] = (
    (_names_are_unique, _everything_is_declared),
    (
        _each_table_has_its_changelog,
        _each_table_has_one_processor,
        _each_table_has_one_source,
        _late_inputs_are_late,
        _each_topic_is_read_as_its_role_says,
        _each_topic_is_written_as_its_role_says,
        _shares_are_of_shared_topics,
        _changelogs_are_copartitioned,
        _every_record_has_its_key,
        _every_record_has_a_codec,
        _every_topic_keeps_what_it_must,
        _the_graph_is_acyclic,
    ),
)


def _an(topic: Topic) -> str:
    return {TopicRole.CHANGELOG: "a changelog"}.get(topic.role, f"an {topic.role} topic")


def _types(records: Iterable[type[Any]]) -> str:
    return ", ".join(record.__name__ for record in records) or "none"


def _partitioning(topic: Topic) -> str:
    number = "RENTMATCH_PARTITIONS" if topic.partitions is None else str(topic.partitions)
    return f"by {topic.key}, {number} partitions"
