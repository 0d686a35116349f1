"""Kinds of target: a module is all that one needs, on the wire and in the worker."""

from __future__ import annotations

import threading

import pytest

from tests.support.calls import surroundings
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.ports import Call, Caller
from tidewheel.wire import targets
from tidewheel.wire.openapi import document
from tidewheel.wire.reading import read_job
from tidewheel.wiring.callers import Callers, found


class Silent:
    """A caller that is never called."""

    def call(self, call: Call) -> Answer:
        return Answer(Result.SUCCEEDED)


def test_what_a_job_may_name_a_worker_can_call_and_the_other_way_round() -> None:
    assert {"http", "lambda"} <= targets.MODELS.keys()
    assert found().keys() == targets.MODELS.keys()


def test_every_kind_is_documented() -> None:
    schemas = document()["components"]["schemas"]
    written = schemas["JobBody"]["properties"]["target"]["discriminator"]["mapping"]
    assert written.keys() == targets.MODELS.keys()


def test_every_kind_has_its_summary() -> None:
    texts = [
        read_job({"name": "a", "target": target}).target.summary()
        for target in ({"kind": "http", "url": "http://a.b/"}, {"kind": "lambda", "function": "f"})
    ]
    assert texts == ["POST http://a.b/", "lambda f"]


def test_a_caller_is_made_when_it_is_first_used_and_once() -> None:
    made: list[Surroundings] = []

    def make(given: Surroundings) -> Caller:
        made.append(given)
        return Silent()

    around = surroundings()
    callers = Callers(around, {"fax": make})
    assert made == []
    assert ("fax" in callers, list(callers), len(callers), callers.get("telex")) == (True, ["fax"], 1, None)
    assert made == []

    got: list[Caller] = []
    threads = [threading.Thread(target=lambda: got.append(callers["fax"])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [around]
    assert len(set(map(id, got))) == 1


def test_a_caller_that_could_not_be_made_is_tried_again() -> None:
    tries: list[int] = []

    def make(_: Surroundings) -> Caller:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not now")
        return Silent()

    callers = Callers(surroundings(), {"fax": make})
    with pytest.raises(OSError, match="not now"):
        _ = callers["fax"]
    assert isinstance(callers["fax"], Silent)
