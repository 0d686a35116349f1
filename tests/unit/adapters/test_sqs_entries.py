"""What is sent to SQS for a message, where it costs money."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.support.world_examples import dispatch
from tidewheel.adapters.aws.queue import SqsQueue
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import DEFAULT_TENANT

ROUTE = Route("lambda", "normal")


class Recording:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 -- as boto3
        assert QueueUrl == "url"
        self.entries += Entries
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


def test_every_message_is_of_its_tenants_group() -> None:
    """So that a standard queue parts each tenant from the others: ``default`` too, which every deployment has."""
    client = Recording()
    first, one, other = (replace(dispatch(), tenant=tenant) for tenant in (DEFAULT_TENANT, "acme", "bert"))
    queue = SqsQueue(client, {ROUTE: "url"})  # type: ignore[arg-type]
    assert list(queue.send(ROUTE, [first, one, other], [0, 5, 0])) == [True, True, True]
    assert [entry.get("MessageGroupId") for entry in client.entries] == [DEFAULT_TENANT, "acme", "bert"]
    assert [entry.get("DelaySeconds") for entry in client.entries] == [None, 5, None]
