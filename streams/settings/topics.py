"""The topics of an installation: their names, and the shape that `provision` gives them."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, create_model

from streams import topics
from streams.topics import Topic


class _Shape(BaseModel):
    partitions: int = Field(8, ge=1, le=10_000, description="partitions that `provision` gives a topic that it creates")
    replication_factor: int = Field(
        0,
        ge=0,
        le=32_767,
        description="replication that `provision` gives a topic; 0: three, or as many as there are brokers",
    )
    topic_prefix: str = Field("", pattern=r"^[a-zA-Z0-9._-]{0,100}$", description="put before every topic's name")


if TYPE_CHECKING:
    _Names = _Shape
else:  # a field for each topic: a new topic needs no edit here
    _Names = create_model(
        "_Names",
        __base__=_Shape,
        **{topic.setting: (str, Field(topic.name, description=f"{topic.role} topic")) for topic in topics.ALL},
    )


class TopicSettings(_Names):
    """Shape, prefix, and each topic's name."""

    def topic(self, topic: Topic) -> str:
        """The full name of a topic on this installation: the prefix and the topic's setting."""
        return self.topic_prefix + str(getattr(self, topic.setting))
