"""Large data becomes the same JSON as small data, without ever being there as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from support.dags import plans

from orchestrator.plan.export import (
    dependencies_dict,
    dependencies_fields,
    plan_fields,
    plan_from_dict,
    plan_to_dict,
)
from orchestrator.plan.json_stream import JsonArray, JsonObject, as_dict, as_json
from orchestrator.plan.model import Plan


def text(**fields: Any) -> str:
    return b"".join(as_json(fields.items())).decode()


def test_each_member_and_each_entry_of_a_large_one_has_a_line() -> None:
    shown = text(
        a=1, rows=JsonArray(iter([{"x": 1}, "two"])), members=JsonObject(iter([("k", [1, 2])])), none=JsonArray([])
    )
    assert shown == (
        "{\n"
        '  "a": 1,\n'
        '  "rows": [\n    {"x":1},\n    "two"\n  ],\n'
        '  "members": {\n    "k": [1,2]\n  },\n'
        '  "none": []\n'
        "}\n"
    )
    assert json.loads(text()) == {}


def test_what_cannot_be_utf8_is_escaped_and_can_be_read_back() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    shown = text(path=name, rows=JsonArray([{"path": name}]), members=JsonObject([(name, "x")]))
    assert json.loads(shown) == {"path": name, "rows": [{"path": name}], "members": {name: "x"}}


def test_a_large_array_comes_in_pieces() -> None:
    taken = 0

    def count() -> Iterator[int]:
        nonlocal taken
        for number in range(10_000):
            taken = number
            yield number

    pieces = as_json([("rows", JsonArray(count()))])
    while taken == 0:
        next(pieces)
    assert taken < 1000
    rest = b"".join(pieces)
    assert rest.count(b"\n") > 9000


@given(plans())
def test_the_file_of_a_plan_is_the_plan(plan: Plan) -> None:
    data = json.loads(b"".join(as_json(plan_fields(plan))))
    assert data == plan_to_dict(plan) == as_dict(plan_fields(plan))
    assert list(data) == list(plan_to_dict(plan))
    assert plan_from_dict(data) == plan
    assert json.loads(b"".join(as_json(dependencies_fields(plan)))) == dependencies_dict(plan)
