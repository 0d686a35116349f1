"""Creates a job, reads it and lists its runs with a generated client: ``python use.py URL TOKEN``. Prints what it got.

The client is the package ``generated``, which no type checker of ours knows.
"""

import json
import sys

from generated import AuthenticatedClient
from generated.api.default import create_job, get_job, list_executions
from generated.models import HttpTarget, JobAnswer, JobBody, Problem

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
body = JobBody(name="generated", target=HttpTarget(kind="http", url="https://example.com/hook"))
made = create_job.sync(client=client, body=body, idempotency_key="python-1")
again = create_job.sync(client=client, body=body, idempotency_key="python-1")
assert isinstance(made, JobAnswer), made
assert isinstance(again, JobAnswer), again
read = get_job.sync(made.id, client=client)
assert isinstance(read, JobAnswer), read
runs = list_executions.sync(made.id, client=client, limit=10)
missing = get_job.sync("j0000000000000zzz", client=client)
assert isinstance(missing, Problem), missing
told = {
    "ids": [made.id, again.id, read.id],
    "name": read.name,
    "created_at": read.created_at.isoformat(),
    "runs": [run.to_dict()["state"] for run in runs.items],
    "missing": missing.status,
}
sys.stdout.write(json.dumps(told))
