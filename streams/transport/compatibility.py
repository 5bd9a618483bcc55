"""Every private or undocumented name of Faust, aiokafka and confluent-kafka that rentmatch uses, in one place.

The versions are pinned exactly. Another version is an error at the start, because these names were not checked there.
tests/streams/test_compatibility.py checks each of them.
"""

from importlib.metadata import version

PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0", "confluent-kafka": "2.16.1"}

PRIVATE_NAMES = {
    "faust.transport.drivers.aiokafka:Consumer._new_consumer_thread": "our thread joins the group and fetches nothing",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._ensure_consumer": "the aiokafka consumer of the group",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread._create_worker_consumer": "we name the fetch settings",
    "faust.transport.consumer:Consumer._drain_messages": "waits: batches come from our fetcher",
    "faust.transport.consumer:Consumer._reset_state": "called at restart; ours has no more to reset",
    "faust.tables.manager:TableManager._changelogs": "which changelog belongs to which table",
    "faust.tables.manager:TableManager._update_channels": "subscribes the group to the changelogs, for the assignor",
    "faust.topics:Topic._clone_args": "the clones of a topic share one queue of batches",
    "faust.agents.agent:Agent.channel": "the topic, and so the queue, of an agent",
    "mode.utils.queues:ThrowableQueue.put_nowait": "puts a batch into an agent's queue",
    "mode.utils.queues:FlowControlEvent.manage_queue": "the queues that Faust clears; ours is none of them",
    "faust.app.base:App._fetcher": "the service that runs _drain_messages",
    "faust.app.base:App._new_web": "the web server is ours: bounded, and without Faust's pages",
    "faust.web.drivers.aiohttp:Web._runner": "aiohttp's runner, made with our limits",
    "faust.web.base:Web._enabled_blueprints": "Faust's pages come from class attributes that we empty",
    "faust.assignor.partition_assignor:PartitionAssignor.external_topics_metadata": "who reads which partition",
    "aiokafka.consumer.consumer:AIOKafkaConsumer._coordinator": "generation and member id at the time of assignment",
    "aiokafka.consumer.consumer:AIOKafkaConsumer._client": "leaves the group during a rebalance",
    "aiokafka.client:AIOKafkaClient.send": "leaves the group during a rebalance",
    "aiokafka.client:ConnectionGroup.DEFAULT": "another connection than the one with the pending JoinGroup",
    "aiokafka.protocol.group:LeaveGroupRequest": "leaves the group during a rebalance",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.coordinator_id": "the broker that receives LeaveGroup",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.on_thread_stop": "leaves the group",
    "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread.close": "a consumer marked closed leaves no group",
    "aiokafka.consumer.consumer:AIOKafkaConsumer._closed": "a consumer marked closed leaves no group",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.generation": "the fencing token of our transactions",
    "aiokafka.consumer.group_coordinator:GroupCoordinator.member_id": "the fencing token of our transactions",
    "confluent_kafka:TopicPartition.metadata": "an offset's metadata comes back as it was sent; a commit's id is in it",
    "confluent_kafka:KafkaError._FENCED": "librdkafka's own codes say why a transaction failed",
    "confluent_kafka:KafkaError._MSG_TIMED_OUT": "the same",
    "confluent_kafka:KafkaError._STATE": "the same",
    "confluent_kafka:KafkaError._TIMED_OUT": "the same",
    "confluent_kafka:KafkaError._TIMED_OUT_QUEUE": "the same",
    "confluent_kafka:KafkaError._TRANSPORT": "the same",
    "confluent_kafka:Consumer.consumer_group_metadata": "opaque bytes whose layout (CGMDv2) we write ourselves",
}


class IncompatibleVersion(RuntimeError):
    """A library whose private names we use is installed in a version that was not checked."""


def check() -> None:
    """Refuse to run on versions that were not checked.

    Raises:
        IncompatibleVersion: names the package, the version found and the one that is needed.

    """
    for package, wanted in PINNED.items():
        found = version(package)
        if found != wanted:
            raise IncompatibleVersion(
                f"rentmatch needs {package} {wanted} exactly (it uses private names) but {found} is installed; "
                f"install with requirements.lock"
            )
