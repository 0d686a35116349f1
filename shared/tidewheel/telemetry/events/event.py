"""What is known of a log line, and the fields that several of them have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidewheel.telemetry.process import Process

INFO, WARNING, ERROR = "info", "warning", "error"
"""Levels. An error is something that someone should look at; it comes with its exception, if there is one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line.

    Args:
        message: Its text, always the same.
        level: ``info``, ``warning`` or ``error``.
        process: Who writes it.
        meaning: What happened, and what follows.
        fields: What its fields hold, by name; besides ``problem``, see ``PROBLEM``.
    """

    message: str
    level: str
    process: Process
    meaning: str
    fields: Mapping[str, str] = field(default_factory=dict)


PROBLEM = {"problem": "the error's text"}
MESSAGE = {"message_id": "the id that SQS gave the message"}
CIRCUIT = {"tenant": "the tenant", "circuit": "the target that it protects"}
EXECUTION = {"execution": "the execution's id"}
"""Fields that several events have, with their meanings."""
