"""A handler's signature declares its parameters and its answer, and nothing else has to."""

from types import SimpleNamespace
from typing import Annotated, Any, Literal

import msgspec
import pytest
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType
from multidict import MultiDict

from gateway.rest.answers import ResultPage
from gateway.rest.errors import ApiError
from gateway.rest.openapi import describe
from gateway.rest.operations import OperationTable
from read_model.queries import AgeingRow, Id

TABLE = OperationTable()


class Colours(msgspec.Struct, frozen=True, kw_only=True):
    house_id: Id | UnsetType = msgspec.field(default=UNSET, name="house")
    colour: Annotated[Literal["red", "green"], Meta(description="only of this colour")] = "red"
    height: Annotated[int, Meta(ge=0, le=9, description="only of this height")] | UnsetType = UNSET
    lit: Annotated[bool, Meta(description="only with light")] = False


@TABLE.get("/v1/houses/{house_id}/doors/{door_id}", "doors")
async def list_doors(self, request: web.Request, door_id: Id, only: Colours) -> ResultPage[AgeingRow]:
    """Doors of a house.

    With more to say.
    """


(OPERATION,) = TABLE


def arguments(query: str = "", **path: str) -> dict[str, Any]:
    given = MultiDict(tuple(pair.split("=")) for pair in query.split("&") if pair)
    request = SimpleNamespace(query=given, match_info={"house_id": "H", "door_id": "D"} | path)
    found = OPERATION.arguments(request)  # type: ignore[arg-type]
    assert found.pop("request") is request
    return found


def test_arguments_come_from_path_and_query():
    assert arguments() == {"door_id": "D", "only": Colours(house_id="H")}
    assert arguments("colour=green&height=3&lit=true", house_id="null") == {
        "door_id": "D", "only": Colours(house_id="null", colour="green", height=3, lit=True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "path", "code", "message"),
    [
        ("color=red", {}, "unknown_parameter", "no parameter 'color'; it has colour, height, lit"),
        ("house=H", {}, "unknown_parameter", "no parameter 'house'"),
        ("colour=red&colour=red", {}, "bad_parameter", "colour is given twice"),
        ("colour=null", {}, "bad_parameter", "colour is 'null': it must be one of green, red"),
        ("height=10", {}, "bad_parameter", "height is '10': Expected `int` <= 9"),
        ("height=null", {}, "bad_parameter", "height is 'null'"),
        ("height=1e0", {}, "bad_parameter", "height is '1e0': it must be written as 1"),
        ("lit=1", {}, "bad_parameter", "lit is '1': it must be written as true"),
        ("", {"door_id": "D" * 513}, "bad_parameter", "door_id is 'DDD"),
        ("", {"house_id": ""}, "bad_parameter", "house is ''"),
    ],
)
def test_an_invalid_parameter_is_refused_by_its_name(query, path, code, message):
    with pytest.raises(ApiError) as raised:
        arguments(query, **path)
    assert raised.value.code == code
    assert message in str(raised.value)


def test_the_description_follows_from_the_signature():
    described = describe(TABLE, "0").paths[OPERATION.path]["get"]
    assert (described["operationId"], described["summary"]) == ("doors", "Doors of a house")
    assert described["description"].endswith("With more to say.")
    assert {one["name"]: (one["in"], one["schema"]) for one in described["parameters"]} == {
        "house_id": ("path", {"type": "string", "minLength": 1, "maxLength": 512}),
        "door_id": ("path", {"type": "string", "minLength": 1, "maxLength": 512}),
        "colour": ("query", {"enum": ["green", "red"], "default": "red"}),
        "height": ("query", {"type": "integer", "minimum": 0, "maximum": 9}),
        "lit": ("query", {"type": "boolean", "default": False}),
    }
    items = described["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]
    assert items == {"type": "array", "items": {"$ref": "#/components/schemas/AgeingRow"}}
