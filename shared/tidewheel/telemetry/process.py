"""Which process counts or logs something."""

from __future__ import annotations

from enum import StrEnum


class Process(StrEnum):
    """A process; the value is its room under ``engine/``, apart from ``SEVERAL``."""

    API = "api"
    ACCESS = "access"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    RECOVERY = "recovery"
    SEVERAL = "several"
