"""The handler of the dead-letter queue: which messages of a batch come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.dead_letter_handler import handler as dead_letter_handler
from tests.support.memory_stack import MemoryStack
from tests.support.run_settings import DEAD_LETTER_HANDLER_ENVIRONMENT, Flushed
from tidewheel.names import Env
from tidewheel.ports import PortError
from tidewheel.settings import SettingsError

POISON: dict[str, Any] = json.loads((Path(__file__).parent / "events" / "sqs_poison.json").read_text())


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> MemoryStack:
    stack = MemoryStack()
    stack.telemetry = Flushed()
    monkeypatch.setattr(dead_letter_handler, "_flow", lambda: stack.dead_letter_handler)
    return stack


def test_what_is_seen_to_is_deleted(stack: MemoryStack) -> None:
    assert dead_letter_handler.handler(POISON, None) == {"batchItemFailures": []}
    assert len(stack.world.quarantine) == 1
    assert stack.telemetry.flushes == 1


def test_what_could_not_be_kept_comes_back_alone(stack: MemoryStack) -> None:
    def down(_: object) -> None:
        raise PortError("wheel.quarantine", "item", "down")

    stack.wheel.quarantine = down
    kept = POISON["Records"][1]["messageId"]
    assert dead_letter_handler.handler(POISON, None) == {"batchItemFailures": [{"itemIdentifier": kept}]}


@pytest.mark.parametrize("missing", DEAD_LETTER_HANDLER_ENVIRONMENT)
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    for name, value in DEAD_LETTER_HANDLER_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    dead_letter_handler._flow.cache_clear()
    with pytest.raises(SettingsError, match=missing):
        dead_letter_handler.handler(POISON, None)


def test_the_real_wiring_reaches_nobody_before_the_first_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in DEAD_LETTER_HANDLER_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    dead_letter_handler._flow.cache_clear()
    assert dead_letter_handler._flow() is dead_letter_handler._flow()
    dead_letter_handler._flow.cache_clear()
