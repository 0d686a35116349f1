"""The environments of the functions on the wheel, by variable; and a telemetry that counts how often it was flushed."""

from __future__ import annotations

import json

from tidewheel.adapters.memory import RecordingTelemetry
from tidewheel.names import Env

RECONCILER_ENVIRONMENT = {
    Env.JOBS_TABLE: "jobs",
    Env.WHEEL_TABLE: "wheel",
    Env.EXECUTIONS_TABLE: "executions",
    Env.CONTROL_TABLE: "control",
    Env.QUEUES: json.dumps({"lambda-normal": "https://sqs/1/normal"}),
    Env.SHARDS: "1",
    Env.DEPLOYMENT: "tidewheel",
    Env.LEAN_TRANSPORT: "false",
}
DEAD_LETTER_HANDLER_ENVIRONMENT = {**RECONCILER_ENVIRONMENT, Env.PACE: "loop"}
API_ENVIRONMENT = {
    Env.LOGS_BUCKET: "logs",
    Env.ALLOW_KINDS: "{}",
    Env.ACCESS_TABLE: "access",
    Env.AUDIT_TABLE: "audit",
    Env.SIGN_IN: "gateway",
    Env.PLANS: "{}",
}
"""What the API needs besides."""
WORKER_ENVIRONMENT = {
    **DEAD_LETTER_HANDLER_ENVIRONMENT,
    Env.LOGS_BUCKET: "logs",
    Env.ALLOWED_NETWORKS: "none",
    Env.CIRCUIT_FAILURES: "5",
    Env.CIRCUIT_OPEN: "600",
    Env.TENANT_CONCURRENCY: "{}",
    Env.ACCESS_TABLE: "access",
    Env.PLANS: "{}",
    Env.LEAST_LOG: "0",
    Env.WRITES_TOGETHER: "1",
    Env.ALLOW_KINDS: '{"*": ["command", "python", "sql"]}',
}


class Flushed(RecordingTelemetry):
    """Counts how often it was flushed."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1
