"""The environment of the functions that read ``RunSettings``, and a telemetry that counts its flushes."""

from __future__ import annotations

import json

from tidewheel.adapters.memory import RecordingTelemetry
from tidewheel.names import Env

ENVIRONMENT = {
    Env.JOBS_TABLE: "jobs",
    Env.WHEEL_TABLE: "wheel",
    Env.EXECUTIONS_TABLE: "executions",
    Env.CONTROL_TABLE: "control",
    Env.LOGS_BUCKET: "logs",
    Env.QUEUES: json.dumps({"lambda-normal": "https://sqs/1/normal"}),
    Env.SHARDS: "1",
    Env.PACE: "loop",
}
WORKER_ENVIRONMENT = {
    **ENVIRONMENT,
    Env.DEPLOYMENT: "tidewheel",
    Env.ALLOWED_NETWORKS: "none",
    Env.CIRCUIT_FAILURES: "5",
    Env.CIRCUIT_OPEN: "600",
    Env.TENANT_CONCURRENCY: "{}",
}
"""And of a worker, which reads ``WorkerSettings``."""


class Flushed(RecordingTelemetry):
    """Counts how often it was asked to hand on its counts."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1
