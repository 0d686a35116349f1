"""The queues: one per route, and one for what no worker could take."""

from __future__ import annotations

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Config
from infra.constructs.keeping import removal
from tidewheel import names

RETENTION = Duration.days(14)

VISIBILITY = Duration.minutes(16)
"""Longer than the worker's time-out, which begins only when the batch it received is handed to it."""

POOL_VISIBILITY = Duration.seconds(60)
"""For others than a pool's worker, which says with each receipt, and as it works, for how long a message is its own."""


class RouteQueues(Construct):
    """A queue per pool and priority; all share the dead-letter queue."""

    def __init__(self, scope: Construct, id: str, *, config: Config) -> None:
        super().__init__(scope, id)
        self._config = config
        self.dead_letters = self._queue(names.DEAD_LETTERS, "DeadLetters", VISIBILITY)
        dead_letters = sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=names.MAX_RECEIVES)
        self.by_route = {route: self._route(route, dead_letters) for route in config.routes}

    @property
    def arns(self) -> list[str]:
        """The ARN of every route's queue."""
        return [queue.queue_arn for queue in self.by_route.values()]

    def of_pool(self, pool: str) -> dict[names.Route, sqs.Queue]:
        """One pool's queues."""
        return {route: queue for route, queue in self.by_route.items() if route.pool == pool}

    def urls(self) -> str:
        """A JSON object of the queue URLs by route, as the functions read it."""
        urls = {str(route): queue.queue_url for route, queue in self.by_route.items()}
        return Stack.of(self).to_json_string(urls)

    def _route(self, route: names.Route, dead_letters: sqs.DeadLetterQueue) -> sqs.Queue:
        visibility = VISIBILITY if route.pool == names.LAMBDA_POOL else POOL_VISIBILITY
        return self._queue(str(route), logical_id(route), visibility, dead_letters)

    def _queue(
        self,
        role: str,
        id: str,
        visibility: Duration,
        dead_letters: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            id,
            queue_name=self._config.physical(role),
            visibility_timeout=visibility,
            retention_period=RETENTION,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=dead_letters,
            removal_policy=removal(self._config),
        )
        resource = queue.node.default_child
        assert isinstance(resource, CfnResource)
        resource.override_logical_id(id)
        return queue


def logical_id(route: names.Route) -> str:
    """A queue's logical id, which holds no dash: an ``X`` stands for it, as pools' names have no capitals."""
    pool = route.pool.replace("-", "X")
    return f"Queue{pool[0].upper()}{pool[1:]}{route.priority.capitalize()}"
