"""The private names that rentmatch leans on are there, take what we give them, and mean what we think they mean."""

import importlib
import inspect
import struct

import faust
import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from confluent_kafka import Consumer, libversion
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata
from faust.web.drivers import aiohttp as driver

from gateway.rest.server import WebServer
from streams.transport import compatibility, faust_group
from streams.transport.membership import Membership, NotAMember
from tables import rebalance


def test_the_pinned_versions_are_installed():
    compatibility.check()


def test_another_version_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(compatibility.PINNED, "faust-streaming", "0.0.1")
    with pytest.raises(compatibility.IncompatibleVersion, match=r"needs faust-streaming 0\.0\.1 exactly"):
        compatibility.check()


@pytest.mark.parametrize("name", compatibility.PRIVATE_NAMES)
def test_each_private_name_is_there(name):
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for step in path.split("."):
        if not hasattr(found, step):
            # Set in __init__ only: the source must still assign it.
            assert f"self.{step}" in inspect.getsource(found), name
            return
        found = getattr(found, step)


@pytest.mark.parametrize(
    ("ours", "method"),
    [
        (faust_group.Consumer, "_drain_messages"),
        (faust_group.Consumer, "on_partitions_revoked"),
        (faust_group.Consumer, "commit"),
        (faust_group.Consumer, "wait_empty"),
        (faust_group.Consumer, "ack"),
        (faust_group.Consumer, "track_message"),
        (faust_group.Consumer, "perform_seek"),
        (faust_group.Consumer, "verify_event_path"),
        (faust_group.Consumer, "_new_consumer_thread"),
        (faust_group.ConsumerThread, "on_thread_stop"),
        (faust_group.ConsumerThread, "close"),
        (faust_group.Listener, "on_partitions_assigned"),
        (rebalance.Manager, "recovery"),
    ],
)
def test_what_we_override_is_still_called_by_that_name(ours, method):
    base = ours.__mro__[1]
    assert hasattr(base, method)
    theirs, mine = getattr(base, method), getattr(ours, method)
    if callable(theirs):
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(theirs).parameters)


def test_faust_serves_no_page_of_its_own():
    app = faust.App("pages", broker="memory://", autodiscover=False, debug=True, web_tables_enabled=True)
    theirs = driver.Web(app)
    assert len(theirs.blueprints._enabled) >= 4
    ours = WebServer(app)
    assert ours.blueprints._enabled == []
    ours.init_server()
    assert list(ours.web_app.router.routes()) == []


def test_the_assignor_publishes_the_owner_of_every_partition():
    app = faust.App("shares", broker="memory://", autodiscover=False, canonical_url="http://w1:1")
    assignor = app.assignor
    shares = {"http://w1:1": {"facts": [0]}, "http://w2:1": {"facts": [1]}}
    assignment = ClientAssignment(actives={"facts": [0]}, standbys={})
    told = ClientMetadata(
        assignment=assignment,
        url="http://w1:1",
        changelog_distribution={},
        external_topic_distribution=shares,
        topic_groups={},
    )
    member = ConsumerProtocolMemberAssignment(4, [("facts", [0])], assignor._compress(told.dumps()))
    assignor.on_assignment(member)
    assert app.router.external_topics_metadata() == shares
    assert assignor._metadata.url == "http://w1:1"  # what the group is told of us at the next rebalance


def test_the_metadata_bytes_are_librdkafkas():
    consumer = Consumer({"bootstrap.servers": "localhost:1", "group.id": "a group"})
    theirs = bytes(consumer.consumer_group_metadata())
    assert theirs == b"CGMDv2:" + struct.pack("=i", -1) + b"a group\0\0\1"
    assert Membership("a group", 7, "me").metadata() == b"CGMDv2:" + struct.pack("=i", 7) + b"a group\0me\0\1"


@pytest.mark.parametrize("membership", [Membership("g", -1, "me"), Membership("g", 3, "")])
def test_fencing_nothing_is_committed_without_a_group_membership(membership):
    with pytest.raises(NotAMember, match="without fencing"):
        membership.metadata()


HANGS = {"2.16.0"}
"""Versions of librdkafka that hang in send_offsets_to_transaction when the group's coordinator left the metadata."""


def test_librdkafka_still_needs_a_way_round():
    assert libversion()[0] in HANGS, (
        f"librdkafka is {libversion()[0]} now. Does its changelog name issues 5456 and 5511 (pull request 5512)? If "
        "not, add it to HANGS. If so, streams/transport/producer_thread.py can go, since the writer's thread can call "
        "the producer itself, and tests/kit/hanging_producer.py with it. What is done about an attempt that is lost "
        "because a broker was away stays (decision 14)."
    )
