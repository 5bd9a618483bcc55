"""A worker's membership in its consumer group: what fences its transactions."""

import struct
from typing import NamedTuple


class NotAMember(RuntimeError):
    """There is no membership: the broker would accept offsets without fencing."""


class Membership(NamedTuple):
    """The worker's membership in its group, noted when partitions are assigned: a rebalance resets it."""

    group: str
    generation: int
    member_id: str

    def metadata(self) -> bytes:
        """The group metadata that librdkafka sends with offsets, so that the broker refuses a former member (KIP-447).

        The layout is librdkafka's `rd_kafka_consumer_group_metadata_write`; a contract test compares it.

        Raises:
            NotAMember: there is no membership; the broker would accept the offsets without fencing.

        """
        if self.generation < 0 or not self.member_id:
            raise NotAMember("not a member of the group: offsets would be accepted without fencing")
        return (
            b"CGMDv2:"
            + struct.pack("=i", self.generation)
            + self.group.encode()
            + b"\0"
            + self.member_id.encode()
            + b"\0\1"
        )
