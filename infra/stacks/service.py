"""The service stack: queues, functions, the API, and the clock that wakes the watchdog, or the scheduler, and the
reconciler.

It holds nothing that the state stack and a new deployment could not bring back, but for the messages on
their way; hence its queues are kept when it goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.assets import Asset
from infra.config import Config, Stage
from infra.constructs.api import HttpApi
from infra.constructs.arns import Arns
from infra.constructs.environment import environment
from infra.constructs.fargate import FargatePool
from infra.constructs.functions import MAX_EVENT_AGE, NO_RETRIES, ServiceFunction, Shape
from infra.constructs.on_call import OnCall
from infra.constructs.pool_role import PoolRole
from infra.constructs.queues import RouteQueues
from infra.constructs.targets import Grantee, allow_targets
from tidewheel import settings
from tidewheel.names import (
    FARGATE_POOL,
    LAMBDA_POOL,
    POOLS,
    RECONCILE_EVERY_MS,
    Env,
    Function,
    Output,
    Table,
    logs_bucket,
)

Assets = Callable[[Function], Asset]
"""Answers what a function ships."""

AUTHORIZER_MEMORY_MB = 512
"""CPU comes with it, which a cold start and a signature take (AWS Lambda, "Memory")."""

API_ID_OUTPUT = "ApiId"
"""By which the local cloud makes a URL that needs no name service."""


class ServiceStack(Stack):
    """Composes the parts, and says here what each may do."""

    def __init__(self, scope: Construct, id: str, *, config: Config, assets: Assets) -> None:
        super().__init__(
            scope,
            id,
            stack_name=config.physical("service"),
            description="Tidewheel: queues, functions and the API",
            termination_protection=config.protects(Stage.SERVICE),
        )
        self._config = config
        self._assets = assets
        self._arns = Arns(self, config)
        self._queues = RouteQueues(self, "Queues", config=config)
        self._values = self._environment()
        api = self._api()
        scheduler = self._scheduler()
        self._worker()
        if config.fargate:
            self._fargate()
        self._other_pools()
        self._dead_letter_handler()
        if config.economy:
            self._each_minute(scheduler, "Hands over what comes next; no scheduler stays in economy mode")
        else:
            self._each_minute(self._watchdog(), "Wakes the watchdog, which starts the schedulers that are missing")
        woken = Function.SCHEDULER if config.economy else Function.WATCHDOG
        self._output(Output.MINUTE_FUNCTION, config.physical(woken))
        self._reconciler()
        authorizer = self._authorizer() if config.sign_in is settings.SignIn.GATEWAY else None
        http = HttpApi(self, "HttpApi", config=config, function=api.function, authorizer=authorizer)
        self._output(Output.API_URL, http.url)
        self._output(API_ID_OUTPUT, http.rest_api.rest_api_id)
        if config.local:
            self._output(Output.ECHO_FUNCTION_ARN, self._echo().function.function_arn)
        else:
            self._output(Output.ON_CALL_TOPIC_ARN, OnCall(self, "OnCall", config=config).topic.topic_arn)

    def _environment(self) -> dict[Env, str]:
        """Every value that a function may ask for.

        The scheduler and the watchdog know each other by the version of the scheduler's code; another number of
        shards, another pace or pool, or other limits of tenants count as another version, so that they take effect at
        once.
        """
        physical, pace, shards = self._config.physical, self._config.pace, str(self._config.shards)
        version = [self._assets(Function.SCHEDULER).digest, shards, pace, *self._config.pools[len(POOLS) :]]
        limits = f"{self._config.plans} {self._config.tenant_concurrency}"
        if limits != "{} {}":
            version.append(hashlib.blake2b(limits.encode(), digest_size=4).hexdigest())
        return {
            Env.JOBS_TABLE: physical(Table.JOBS),
            Env.WHEEL_TABLE: physical(Table.WHEEL),
            Env.EXECUTIONS_TABLE: physical(Table.EXECUTIONS),
            Env.CONTROL_TABLE: physical(Table.CONTROL),
            Env.ACCESS_TABLE: physical(Table.ACCESS),
            Env.SIGN_IN: self._config.sign_in,
            Env.ISSUERS: self._config.issuers,
            Env.AUDIT_TABLE: physical(Table.AUDIT),
            Env.LOGS_BUCKET: logs_bucket(self._config.deployment, self.account, self.region),
            Env.QUEUES: self._queues.urls(),
            Env.SHARDS: shards,
            Env.DEPLOYMENT: self._config.deployment,
            Env.ALLOWED_NETWORKS: self._config.allowed_networks,
            Env.PACE: pace,
            Env.CIRCUIT_FAILURES: str(self._config.circuit_failures),
            Env.CIRCUIT_OPEN: str(self._config.circuit_open),
            Env.TENANT_CONCURRENCY: self._config.tenant_concurrency,
            Env.PLANS: self._config.plans,
            Env.LEAST_LOG: str(self._config.least_log),
            Env.WRITES_TOGETHER: str(self._config.writes_together),
            Env.LEAN_TRANSPORT: str(self._config.lean_transport).lower(),
            Env.ALLOW_KINDS: self._config.allow_kinds,
            Env.SCHEDULERS: str(self._config.schedulers),
            Env.SCHEDULER_FUNCTION: physical(Function.SCHEDULER),
            Env.CODE_VERSION: "-".join(version),
        }

    def _function(self, role: Function, shape: Shape, reads: type[Any] | None = None) -> ServiceFunction:
        return ServiceFunction(
            self,
            role,
            config=self._config,
            asset=self._assets(role),
            shape=shape,
            environment=environment(reads, self._values) if reads else {},
        )

    def _api(self) -> ServiceFunction:
        api = self._function(Function.API, Shape(memory=1024, seconds=28), settings.ApiSettings)
        api.allow(
            [
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:PutItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:Query",
            ],
            self._arns.table(Table.JOBS),
        )
        api.allow(["dynamodb:Query"], self._arns.jobs_by_tenant())
        api.allow(["dynamodb:PutItem", "dynamodb:BatchWriteItem"], self._arns.table(Table.WHEEL))
        api.allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], self._arns.table(Table.CONTROL))
        api.allow(
            [
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",  # the records that tell which of a tenant's permits are held
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:Query",
            ],
            self._arns.table(Table.EXECUTIONS),
        )
        api.allow(["dynamodb:Query"], self._arns.executions_by_failure())
        api.allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], self._arns.table(Table.ACCESS))
        api.allow(["dynamodb:PutItem", "dynamodb:Query"], self._arns.table(Table.AUDIT))  # nobody changes a row
        api.allow(["sqs:SendMessage"], *self._queues.arns)
        api.allow(["s3:ListBucket"], self._arns.logs_bucket())
        self._allow_logs(api, "s3:GetObject")
        return api

    def _authorizer(self) -> ServiceFunction:
        authorizer = self._function(
            Function.AUTHORIZER, Shape(AUTHORIZER_MEMORY_MB, seconds=10), settings.AuthorizerSettings
        )
        authorizer.allow(["dynamodb:GetItem"], self._arns.table(Table.ACCESS))
        return authorizer

    def _scheduler(self) -> ServiceFunction:
        economy = self._config.economy
        memory = self._config.scheduler_memory
        shape = Shape(memory, seconds=60) if economy else Shape(memory, seconds=900, loops=True)
        scheduler = self._function(Function.SCHEDULER, shape, settings.SchedulerSettings)
        scheduler.invoke_once()
        scheduler.allow(
            ["dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchWriteItem"],
            self._arns.table(Table.WHEEL),
        )
        scheduler.allow(["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"], self._arns.table(Table.JOBS))
        scheduler.allow(
            [
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:Query",
                "dynamodb:PutItem",
                "dynamodb:DeleteItem",
            ],
            self._arns.table(Table.EXECUTIONS),
        )
        scheduler.allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], self._arns.table(Table.CONTROL))
        scheduler.allow(["dynamodb:GetItem"], self._arns.table(Table.ACCESS))  # the weights and limits of tenants
        scheduler.allow(["sqs:SendMessage"], *self._queues.arns)
        if not economy:
            scheduler.allow(["lambda:InvokeFunction"], self._arns.function(Function.SCHEDULER))
            # whether a route has room for what is overdue
            scheduler.allow(["sqs:GetQueueAttributes"], *self._queues.arns)
        return scheduler

    def _worker(self) -> ServiceFunction:
        shape = Shape(memory=512, seconds=900, loops=True)
        worker = self._function(Function.WORKER, shape, settings.WorkerSettings)
        self._allow_work(worker, LAMBDA_POOL)
        capacity = self._config.capacity
        for route, queue in self._queues.of_pool(LAMBDA_POOL).items():
            pollers = capacity.pollers.get(route.priority)
            worker.function.add_event_source_mapping(
                f"{route.pool.capitalize()}{route.priority.capitalize()}",
                event_source_arn=queue.queue_arn,
                batch_size=capacity.batch_size,
                report_batch_item_failures=True,
                max_concurrency=None if pollers else capacity.batches[route.priority],
                provisioned_poller_config=(
                    lambda_.ProvisionedPollerConfig(minimum_pollers=pollers.least, maximum_pollers=pollers.most)
                    if pollers
                    else None
                ),
            )
        return worker

    def _fargate(self) -> FargatePool:
        values = environment(settings.WorkerSettings, self._values)
        queues = self._queues.of_pool(FARGATE_POOL)
        pool = FargatePool(self, "Fargate", config=self._config, queues=queues, environment=values)
        self._allow_work(pool, FARGATE_POOL)
        return pool

    def _other_pools(self) -> None:
        """A role for each pool whose workers are other machines; the emulators of the local cloud ask for no rights."""
        started = {LAMBDA_POOL, *([FARGATE_POOL] if self._config.fargate else [])}
        for pool in [] if self._config.local else [one for one in self._config.pools if one not in started]:
            id = "".join(word.capitalize() for word in pool.split("-"))
            role = PoolRole(self, f"Pool{id}", pool=pool)
            self._output(f"WorkerRole{id}", role.arn)
            self._allow_work(role, pool)
            role.allow(["lambda:GetFunctionConfiguration"], self._arns.function(Function.WORKER))

    def _allow_work(self, worker: Grantee, pool: str) -> None:
        """What whoever runs the attempts of a pool may do."""
        worker.allow(["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"], self._arns.table(Table.JOBS))
        worker.allow(["dynamodb:GetItem"], self._arns.table(Table.CONTROL))
        worker.allow(["dynamodb:GetItem"], self._arns.table(Table.ACCESS))  # to write there is to make keys
        worker.allow(
            [
                "dynamodb:GetItem",
                "dynamodb:BatchGetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:PartiQLInsert",
                "dynamodb:PartiQLUpdate",
                "dynamodb:Query",
            ],
            self._arns.table(Table.EXECUTIONS),
        )
        worker.allow(["dynamodb:PutItem"], self._arns.table(Table.WHEEL))
        worker.allow(
            [
                "sqs:SendMessage",  # it wakes who gets its permit; those of other pools the scheduler wakes
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ChangeMessageVisibility",
            ],
            *(queue.queue_arn for queue in self._queues.of_pool(pool).values()),
        )
        if self._config.economy:
            worker.allow(["sqs:SendMessage"], *self._queues.arns)  # a retry that is due before a run could see to it
        self._allow_logs(worker, "s3:PutObject")
        allow_targets(worker, self._arns, pool)
        self._allow_secrets(worker)

    def _dead_letter_handler(self) -> ServiceFunction:
        """The handler of the dead-letter queue; what it cannot see to now comes back with that queue's visibility."""
        dead_letter_handler = self._function(
            Function.DEAD_LETTER_HANDLER, Shape(512, seconds=60, loops=True), settings.DeadLetterHandlerSettings
        )
        dead_letter_handler.allow(["dynamodb:GetItem", "dynamodb:Query"], self._arns.table(Table.JOBS))
        dead_letter_handler.allow(["dynamodb:GetItem"], self._arns.table(Table.CONTROL))
        dead_letter_handler.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], self._arns.table(Table.EXECUTIONS)
        )
        dead_letter_handler.allow(["dynamodb:PutItem"], self._arns.table(Table.WHEEL))
        dead_letter_handler.allow(["sqs:SendMessage"], *self._queues.arns)
        dead_letters = self._queues.dead_letters
        dead_letter_handler.allow(
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], dead_letters.queue_arn
        )
        dead_letter_handler.function.add_event_source_mapping(
            "DeadLetters",
            event_source_arn=dead_letters.queue_arn,
            batch_size=self._config.capacity.dead_letter_batch_size,
            report_batch_item_failures=True,
            max_concurrency=self._config.capacity.dead_letter_batches,
        )
        return dead_letter_handler

    def _allow_logs(self, function: Grantee, action: str) -> None:
        function.allow([action], self._arns.logs())
        function.acknowledge_pattern(
            self._arns.logs(), "The keys of logs name executions that are yet to run; the bucket holds nothing else."
        )

    def _allow_secrets(self, worker: Grantee) -> None:
        """The secrets that jobs may refer to; the worker reads those of a job's own tenant alone."""
        worker.allow(["secretsmanager:GetSecretValue"], self._arns.secrets())
        worker.acknowledge_pattern(
            self._arns.secrets(), "Jobs are defined after the deployment: their secrets lie under its own name."
        )

    def _watchdog(self) -> ServiceFunction:
        watchdog = self._function(Function.WATCHDOG, Shape(memory=256, seconds=50), settings.WatchdogSettings)
        watchdog.invoke_once()
        watchdog.allow(["dynamodb:GetItem"], self._arns.table(Table.CONTROL))
        watchdog.allow(["lambda:InvokeFunction"], self._arns.function(Function.SCHEDULER))
        return watchdog

    def _each_minute(self, woken: ServiceFunction, description: str) -> None:
        self._woken(woken, "EveryMinute", description, Duration.minutes(1))

    def _reconciler(self) -> ServiceFunction:
        reconciler = self._function(Function.RECONCILER, Shape(memory=512, seconds=295), settings.ReconcilerSettings)
        reconciler.invoke_once()
        reconciler.allow(["dynamodb:Scan"], self._arns.jobs_by_tenant())
        reconciler.allow(["dynamodb:GetItem"], self._arns.table(Table.JOBS))
        reconciler.allow(
            ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"], self._arns.table(Table.EXECUTIONS)
        )
        reconciler.allow(["dynamodb:Query"], self._arns.executions_by_failure())
        reconciler.allow(["dynamodb:Query", "dynamodb:PutItem"], self._arns.table(Table.WHEEL))
        reconciler.allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], self._arns.table(Table.CONTROL))
        reconciler.allow(["sqs:GetQueueAttributes"], *self._queues.arns)
        self._woken(
            reconciler,
            "EveryFewMinutes",
            "Wakes the reconciler, which goes on with its sweep over all jobs",
            Duration.millis(RECONCILE_EVERY_MS),
        )
        return reconciler

    def _woken(self, function: ServiceFunction, id: str, description: str, every: Duration) -> None:
        """Calls a function at an interval; a call that fails or comes late is not repeated, the next one comes."""
        target = targets.LambdaFunction(function.function, retry_attempts=NO_RETRIES, max_event_age=MAX_EVENT_AGE)
        events.Rule(self, id, description=description, schedule=events.Schedule.rate(every), targets=[target])

    def _echo(self) -> ServiceFunction:
        return self._function(Function.ECHO, Shape(memory=128, seconds=10))

    def _output(self, name: str, value: str) -> None:
        CfnOutput(self, name, value=value).override_logical_id(name)
