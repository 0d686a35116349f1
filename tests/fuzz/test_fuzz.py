"""The API in memory does what its document says, by a fuzzer with a fixed seed: the same requests each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.counting import shown
from tests.fuzz.running import PASSES, PLATFORM, SWITCH, Fuzzed, driven, fuzzed
from tests.support.api_bench import Answer, ApiBench
from tests.support.wsgi import TOKEN, application, served
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.endpoints.service import GET_OPENAPI

SEED, EXAMPLES = 1, 3
"""Random cases are few, since the document suggests thousands: ``make fuzz`` sends more."""
ALL = {one.id for one in OPERATIONS} - {GET_OPENAPI.id}  # whose answer is what the fuzzer goes by
UNREACHED = 3
"""Operations that may go without a success: another document has other random cases. More of them need an example in
their declaration, or a link that gives the fuzzer an id."""
REACHED = {"tenant": ALL - set(PLATFORM), "platform": set(PLATFORM) - {SWITCH}, "switch": {SWITCH}}


def found(bench: ApiBench, which: tuple[str, ...], folder: Path) -> Fuzzed:
    with served(application(bench)) as url:
        return fuzzed(url, TOKEN, which, folder, examples=EXAMPLES, seed=SEED, printed=False)


@pytest.mark.parametrize("which", PASSES)
def test_the_fuzzer_finds_nothing_in_any_operation(which: str, tmp_path: Path) -> None:
    came_to = found(driven(), tuple(PASSES[which]), tmp_path)
    assert came_to.status == 0, f"{came_to.text}\n{shown(came_to.counts)}"
    fulfilled = {id for id, statuses in came_to.counts.items() if any(200 <= status < 300 for status in statuses)}
    assert REACHED[which] <= came_to.counts.keys(), shown(came_to.counts)
    assert len(REACHED[which] - fulfilled) <= UNREACHED, f"{REACHED[which] - fulfilled}\n{shown(came_to.counts)}"
    assert {status for statuses in came_to.counts.values() for status in statuses if status >= 500} <= {503}


@dataclass
class Lying(ApiBench):
    """An API that answers one operation otherwise than it should."""

    change: Callable[[Answer], Answer] = field(default=lambda answer: answer)

    def send(self, proxy_event: dict[str, Any]) -> Answer:
        answer = super().send(proxy_event)
        return self.change(answer) if proxy_event["path"] == "/v1/usage" else answer


def without_the_plan(answer: Answer) -> Answer:
    said = {name: value for name, value in answer.json.items() if name != "plan"}
    return replace(answer, text=json.dumps(said))


def another_success(answer: Answer) -> Answer:
    return replace(answer, status=202) if answer.status == 200 else answer


def accepting_everything(answer: Answer) -> Answer:
    accepted = {"tenant": "default", "plan": "default", "limits": []}
    return Answer(200, {"Content-Type": "application/json"}, accepted, json.dumps(accepted))


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (without_the_plan, '"plan" is a required property'),
        (another_success, "Undocumented status code"),
        (accepting_everything, "API accepts requests without authentication"),
    ],
)
def test_a_wrong_answer_is_found(lie: Callable[[Answer], Answer], words: str, tmp_path: Path) -> None:
    came_to = found(Lying(change=lie), ("--include-operation-id", "usage", "--phases", "coverage,fuzzing"), tmp_path)
    assert came_to.status == 1
    assert words in came_to.text
