"""Paths, functions and bodies that refer to data of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.workflows.data.filling import RunData, Unfillable, faults, filled, paths_in, type_of
from tidewheel.domain.workflows.data.functions import FUNCTIONS
from tidewheel.domain.workflows.data.paths import BadPath, NothingThere, Path, Source, kind_of, value_at

DATA = RunData(
    "r1",
    1_795_000_000_250,
    params={"region": "eu", "none": None},
    outputs={"extract": {"rows": 3, "pages": [{"id": "p1"}, {"id": "p2"}], "odd name": True, "empty": None}},
    states={"extract": "succeeded"},
)
ITEM = RunData("r1", 0, item={"id": 7}, index=4)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.steps.extract.output", (Source.OUTPUT, "extract", ())),
        ("$.steps.ex-tract_2.output.rows[0].id", (Source.OUTPUT, "ex-tract_2", ("rows", 0, "id"))),
        ('$.steps.a.output["odd \\"name\\""][12]', (Source.OUTPUT, "a", ('odd "name"', 12))),
        ("$.steps.a.state", (Source.STATE, "a", ())),
        ("$.run.params.day.of.week", (Source.PARAMS, "day", ("of", "week"))),
        ("$.run.id", (Source.RUN_ID, "", ())),
        ("$.run.nominal", (Source.NOMINAL, "", ())),
        ("$.item", (Source.ITEM, "", ())),
        ("$.item.id", (Source.ITEM, "", ("id",))),
        ("$.index", (Source.INDEX, "", ())),
    ],
)
def test_a_path_is_read(text: str, path: tuple[Source, str, tuple[Any, ...]]) -> None:
    assert Path.parse(text) == Path(text, *path)


@pytest.mark.parametrize(
    "text",
    [
        "$.",
        "$.steps",
        "$.steps.a",
        "$.steps.1a.output",
        "$.steps.a.outputs",
        "$.steps.a.state.x",
        "$.run",
        "$.run.params",
        "$.run.nominal.year",
        "$.index.x",
        "$.output",
        "$.steps.a.output..b",
        "$.steps.a.output[-1]",
        "$.steps.a.output[01]",
        "$.steps.a.output[*]",
        '$.steps.a.output["open]',
        '$.steps.a.output["\\x"]',
        "$.steps.a.output.b c",
        "$.steps.a.output ",
        "steps.a.output",
    ],
)
def test_what_is_no_path_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(BadPath) as refused:
        Path.parse(text)
    assert refused.value.remedy


def test_on_an_edge_there_is_the_output_alone() -> None:
    assert Path.parse("$.output.rows[0]", on_edge=True).parts == ("rows", 0)
    with pytest.raises(BadPath, match=r"\$\.output"):
        Path.parse("$.steps.a.output", on_edge=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.steps.extract.output.rows", 3),
        ("$.steps.extract.output.pages[1].id", "p2"),
        ('$.steps.extract.output["odd name"]', True),
        ("$.steps.extract.output.empty", None),
        ("$.steps.extract.state", "succeeded"),
        ("$.run.params.region", "eu"),
        ("$.run.id", "r1"),
        ("$.run.nominal", "2026-11-18T11:06:40.250Z"),
        ("no $.path", "no $.path"),
        (5, 5),
        ({"$literal": "$.run.id"}, "$.run.id"),
        ({"$literal": {"$sum": 1}}, {"$sum": 1}),
        ({"a": ["$.run.id", {"b": "$.run.params.region"}]}, {"a": ["r1", {"b": "eu"}]}),
        ({"$text": ["n=", "$.steps.extract.output.rows", " ", True, 1.5]}, "n=3 true1.5"),
        ({"$length": "$.steps.extract.output.pages"}, 2),
        ({"$length": "abc"}, 3),
        ({"$length": {"a": 1, "b": 2}}, 2),
        ({"$default": ["$.steps.extract.output.no", "$.steps.extract.output.empty", 9]}, 9),
        ({"$default": ["$.steps.never.output.x", None]}, None),
        ({"$sum": [1, "$.steps.extract.output.rows", 0.5]}, 4.5),
        ({"$merge": [{"a": 1, "b": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
        ({"$json": {"a": ["ä", None]}}, '{"a":["ä",null]}'),
        ({"$parse": '{"a": [1]}'}, {"a": [1]}),
        ({"$ref": 1, "$schema": 2}, {"$ref": 1, "$schema": 2}),
        ({"secret": "named-by-the-definition"}, {"secret": "named-by-the-definition"}),
    ],
)
def test_a_body_is_filled_in(text: Any, value: Any) -> None:
    assert filled(text, DATA) == value


def test_every_function_is_in_the_table_above() -> None:
    assert {"$text", "$length", "$default", "$sum", "$merge", "$json", "$parse"} == FUNCTIONS.keys()


def test_a_map_has_its_item_and_index() -> None:
    assert filled({"id": "$.item.id", "n": "$.index"}, ITEM) == {"id": 7, "n": 4}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"a": "$.steps.extract.output.no"}, "a: $.steps.extract.output.no: there is no field 'no'"),
        ("$.steps.extract.output.pages[2]", "the list has 2 items"),
        ("$.steps.extract.output.rows.x", "number is not an object"),
        ("$.steps.extract.output[0]", "object is not a list"),
        ("$.steps.other.output", "other has no output"),
        ("$.steps.other.state", "other has no state"),
        ("$.run.params.other", "other has no value"),
        ("$.item", "no item of a map"),
        ({"x": {"$length": "$.steps.extract.output.rows"}}, "x.$length: $length is given a value of the type number"),
        ({"$sum": "$.steps.extract.output.rows"}, "takes a list"),
        ({"$sum": ["$.run.params.region"]}, "$sum: $sum is given a value of the type string"),
        ({"$parse": "$.run.params.region"}, "$parse: what $parse is given is no JSON"),
        ({"$parse": "NaN"}, "is no JSON"),
        ({"$default": [{"$length": "$.steps.extract.output.rows"}, 1]}, "of the type number"),
    ],
)
def test_data_that_does_not_fit_is_told_with_its_place(body: Any, told: str) -> None:
    with pytest.raises(Unfillable) as refused:
        filled(body, DATA)
    assert told in str(refused.value)


@pytest.mark.parametrize("output", [{"secret": "tokens"}, [{"a": {"secret": "tokens", "key": "x"}}]])
def test_data_names_no_secret(output: Any) -> None:
    with pytest.raises(Unfillable, match="reference to a secret"):
        filled({"a": "$.steps.s.output"}, RunData("r", 0, outputs={"s": output}))


def test_paths_are_found_but_in_literals() -> None:
    body = {"a": ["$.run.id", "$.no"], "b": {"$literal": "$.run.id"}, "c": {"$json": "$.item"}}
    assert [(at, path.text) for at, path in paths_in(body, "body")] == [
        ("body.a.0", "$.run.id"),
        ("body.c.$json", "$.item"),
    ]


PARAMS = {"n": "number", "all": "array"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"a": "$.no"}, ["b.a: leads to no data of a run"]),
        ({"$nope": 1}, ["b.$nope: is no function"]),
        ({"$length": 5}, ["b.$length: is of the type number"]),
        ({"$length": "$.run.params.n"}, ["is of the type number"]),
        ({"$length": {"$sum": [1]}}, ["is of the type number"]),
        ({"$sum": [1, "x", {"$text": ["a"]}]}, ["b.$sum.1: is of the type string", "b.$sum.2"]),
        ({"$sum": []}, ["is given nothing"]),
        ({"$sum": "$.run.params.n"}, ["is of the type number"]),
        ({"$sum": "$.run.params.all"}, []),
        ({"$merge": [[1]]}, ["is of the type array"]),
        ({"$parse": {"$json": 1}}, []),
        ({"$text": [{"$length": "$.steps.a.output"}, "$.steps.a.output.x"]}, []),
        ({"$literal": {"$nope": "$.no"}}, []),
    ],
)
def test_what_is_wrong_whatever_the_data_is_told(body: Any, told: list[str]) -> None:
    found = [str(one) for one in faults(body, "b", PARAMS)]
    assert len(found) == len(told)
    assert all(part in one for part, one in zip(told, found, strict=True))


def test_types_of_json_are_told_apart() -> None:
    values = [None, True, 1, 1.5, "a", [], (), {}]
    assert [kind_of(value) for value in values] == [
        "null",
        "boolean",
        "number",
        "number",
        "string",
        "array",
        "array",
        "object",
    ]
    assert [type_of(text, PARAMS) for text in ("$.run.id", "$.index", "$.item", "$.no")] == ["string", "number", "", ""]


def test_a_path_ends_where_nothing_is() -> None:
    assert value_at({"a": [1]}, ("a", 0), "$.x") == 1
    with pytest.raises(NothingThere, match=r"\$\.x: there is no field 'b'"):
        value_at({"a": 1}, ("b",), "$.x")
