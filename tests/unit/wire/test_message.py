import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.ids import ExecutionId, Origin
from tidewheel.wire.message import dump, load

ID = str(ExecutionId("j0000000000000001", 1_763_657_220_000))
DISPATCH = Dispatch("default", ID, 1, 3, 1_763_657_220_000, recorded=False)


@given(
    st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True),
    st.integers(0, 2**44),
    st.sampled_from([(Origin.SCHEDULE, ""), (Origin.RUN, "00000001"), (Origin.BACKFILL, "z")]),
    st.integers(1, 100),
    st.integers(1, 2**40),
    st.booleans(),
)
def test_messages_round_trip(tenant, nominal, origin, attempt, generation, recorded):
    id = ExecutionId("j0123456789abcdef", nominal, *origin)
    dispatch = Dispatch(tenant, str(id), attempt, generation, nominal + 5, recorded)
    assert load(dump(dispatch)) == dispatch


def test_what_came_back_says_how_often_and_what_did_not_costs_nothing():
    again = replace(DISPATCH, returns=3)
    assert load(dump(again)) == again
    assert set(json.loads(dump(again))) - set(json.loads(dump(DISPATCH))) == {"n"}


def test_a_message_is_short_and_says_its_version():
    assert json.loads(dump(DISPATCH))["v"] == 1
    assert len(dump(DISPATCH)) < 120


GOOD = json.loads(dump(DISPATCH))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        "\ud800",
        *(
            json.dumps(GOOD | change)
            for change in (
                {"v": 2},
                {"v": True},
                {"t": ""},
                {"t": "A"},
                {"e": "j1"},
                {"e": ID + "x"},
                {"a": 0},
                {"a": "1"},
                {"g": 0},
                {"d": -1},
                {"d": 1.5},
                {"r": 1},
            )
        ),
        json.dumps({name: value for name, value in GOOD.items() if name != "d"}),
    ],
)
def test_anything_else_is_unreadable(text):
    with pytest.raises(Unreadable) as refused:
        load(text)
    assert refused.value.problem
    assert len(refused.value.key) <= 80
