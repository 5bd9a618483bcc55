"""The records of internal topics as JSON: input facts in their own form, the others under their tag."""

import json
from typing import Any

import pytest

from domain.facts import AttemptClaim, PaymentApplication, ReferenceClaim, ReferenceResolution, Share
from domain.time import rfc3339
from ops.internal_records import describers
from streams import topics
from streams.codec import bundles
from streams.codec.json_form import fact_to_json
from streams.topics import Topic, TopicRole
from streams.topology import TOPOLOGY
from tests.kit import avro_samples as samples

CLAIM = ReferenceClaim("acme", "ch_1", "p1", 3, True, samples.AT, "e1")
ATTEMPT = AttemptClaim("acme", "ch_1", "p1", samples.AT, "e2")
RESOLUTION = ReferenceResolution("p1", "acme/ch_1", 4, (samples.REFERENCED,))
APPLICATION = PaymentApplication(
    payment_id="p1",
    obligation_id="o1",
    revision=2,
    initiated=True,
    initiated_at=samples.AT,
    currency="USD",
    installment_id=None,
    standing_minor=100,
    in_flight_minor=0,
    pending_until=None,
    posted={"USD": 100},
    rests_on=samples.AT,
    shares=(Share(0, None, 100, 0),),
)


def described(topic: Topic, *facts: Any) -> list[dict[str, Any]]:
    (bundle,) = bundles.pack(facts)
    found = list(describers(TOPOLOGY)[topic.name](None, bundle))
    assert json.loads(json.dumps(found)) == found
    return found


def test_each_internal_topic_and_changelog_is_described() -> None:
    assert describers(TOPOLOGY).keys() == {
        topic.name for topic in topics.ALL if topic.role in (TopicRole.INTERNAL, TopicRole.CHANGELOG)
    }


def test_claims_and_resolutions() -> None:
    claim, attempt = described(topics.REFERENCE_FACTS, CLAIM, ATTEMPT)
    assert claim["type"] == "_rclm"
    assert (claim["payment_id"], claim["claimed"], claim["revision"]) == ("p1", True, 3)
    assert (attempt["type"], attempt["attempt_reference"]) == ("_aclm", "ch_1")
    (resolution,) = described(topics.PAYMENT_RESOLUTIONS, RESOLUTION)
    assert resolution["type"] == "_rres"
    assert resolution["records"] == [fact_to_json(samples.REFERENCED)]
    assert resolution["records"][0]["occurred_at"] == rfc3339(samples.AT)


def test_an_application_with_its_shares() -> None:
    (application,) = described(topics.OBLIGATION_FACTS, APPLICATION)
    assert application["type"] == "_part"
    assert application["shares"] == [{"place": 0, "installment_id": None, "standing_minor": 100, "in_flight_minor": 0}]


@pytest.mark.parametrize("topic", [topics.PAYMENT_FACTS, topics.REFERENCE_FACTS, topics.OBLIGATION_FACTS])
def test_input_facts_have_their_own_form(topic: Topic) -> None:
    sent = [fact for fact in samples.FACTS if type(fact) in topic.records]
    assert described(topic, *sent) == [fact_to_json(fact) for fact in sent]
