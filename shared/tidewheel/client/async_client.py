"""The HTTP API as typed methods for programs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import httpx

from tidewheel.client import moment, sending
from tidewheel.client.calls import access as access_calls
from tidewheel.client.calls import executions as run_calls
from tidewheel.client.calls import jobs as job_calls
from tidewheel.client.calls import registering, waiting
from tidewheel.client.calls import service as service_calls
from tidewheel.client.calls import workflow_runs as workflow_run_calls
from tidewheel.client.calls import workflows as workflow_calls
from tidewheel.client.deployment import find_deployment
from tidewheel.client.moment import Moment
from tidewheel.client.transport import Asynchronous, awaiting, headers, iterating_async, unheard


class AsyncClient:
    """A Tidewheel deployment, for programs on asyncio: the methods of ``Client``, to be awaited.

    Lists are gone through by ``async for``. Close the client, or use it as an asynchronous context manager. Its methods
    may run side by side. Cancelling one leaves open whether its request was fulfilled, as a lost answer does.

    Args:
        base_url: The deployment's URL, with its stage.
        token: Sent as a bearer token, if given.
        tenant: The tenant to act in, for a platform admin; None for the token's own.
        timeout: Seconds that a connection, or a part of an answer, may take.
        transport: Replaces the network in tests.
        wait: Waits between two tries (s); replaced in tests.
        now: Reads the clocks; replaced in tests.
        heard: Called with the text of every successful answer.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        timeout: float = 10.0,
        *,
        tenant: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], Moment] = moment.now,
        heard: Callable[[str], None] = unheard,
    ) -> None:
        http = httpx.AsyncClient(
            base_url=base_url, headers=headers(token, tenant), timeout=timeout, transport=transport
        )
        self._carrier = Asynchronous(http, wait, now, heard)

    @classmethod
    def from_env(cls, url: str | None = None, *, folder: Path | None = None, **options: Any) -> Self:
        """See ``Client.from_env``."""
        found = find_deployment(url, folder=folder)
        return cls(found.url, found.token, **options)

    @property
    def carrier(self) -> Asynchronous:
        """Carries flows that are not among the methods."""
        return self._carrier

    async def close(self) -> None:
        """Closes the connections."""
        await self._carrier.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    call = awaiting(sending.call)

    create_job = awaiting(job_calls.create_job)
    jobs_page = awaiting(job_calls.jobs_page)
    jobs = iterating_async(job_calls.jobs)
    job_id = awaiting(job_calls.job_id)
    job = awaiting(job_calls.job)
    replace_job = awaiting(job_calls.replace_job)
    edit_job = awaiting(job_calls.edit_job)
    delete_job = awaiting(job_calls.delete_job)
    pause_job = awaiting(job_calls.pause_job)
    resume_job = awaiting(job_calls.resume_job)
    bulk_jobs = awaiting(job_calls.bulk_jobs)
    upcoming = awaiting(job_calls.upcoming)

    run_job = awaiting(run_calls.run_job)
    executions_page = awaiting(run_calls.executions_page)
    executions = iterating_async(run_calls.executions)
    runs_page = awaiting(run_calls.runs_page)
    runs = iterating_async(run_calls.runs)
    ledger_page = awaiting(run_calls.ledger_page)
    ledger = awaiting(run_calls.ledger)
    execution = awaiting(run_calls.execution)
    logs_page = awaiting(run_calls.logs_page)
    logs = iterating_async(run_calls.logs)
    cancel = awaiting(run_calls.cancel)
    dead_letters_page = awaiting(run_calls.dead_letters_page)
    dead_letters = iterating_async(run_calls.dead_letters)
    redrive = awaiting(run_calls.redrive)
    start_run = awaiting(workflow_run_calls.start_run)
    workflow_runs_page = awaiting(workflow_run_calls.workflow_runs_page)
    workflow_runs = iterating_async(workflow_run_calls.workflow_runs)
    workflow_run = awaiting(workflow_run_calls.workflow_run)
    cancel_run = awaiting(workflow_run_calls.cancel_run)
    pause_run = awaiting(workflow_run_calls.pause_run)
    resume_run = awaiting(workflow_run_calls.resume_run)
    clear_run = awaiting(workflow_run_calls.clear_run)
    wait = awaiting(waiting.wait)
    register = awaiting(registering.register)

    put_workflow = awaiting(workflow_calls.put_workflow)
    workflows_page = awaiting(workflow_calls.workflows_page)
    workflows = iterating_async(workflow_calls.workflows)
    workflow = awaiting(workflow_calls.workflow)
    delete_workflow = awaiting(workflow_calls.delete_workflow)
    workflow_versions_page = awaiting(workflow_calls.workflow_versions_page)
    workflow_versions = iterating_async(workflow_calls.workflow_versions)
    workflow_version = awaiting(workflow_calls.workflow_version)

    audit_page = awaiting(service_calls.audit_page)
    audit = iterating_async(service_calls.audit)
    me = awaiting(access_calls.me)
    keys_page = awaiting(access_calls.keys_page)
    keys = iterating_async(access_calls.keys)
    create_key = awaiting(access_calls.create_key)
    rotate_key = awaiting(access_calls.rotate_key)
    revoke_key = awaiting(access_calls.revoke_key)
    tenants_page = awaiting(access_calls.tenants_page)
    tenants = iterating_async(access_calls.tenants)
    tenant = awaiting(access_calls.tenant)
    create_tenant = awaiting(access_calls.create_tenant)
    edit_tenant = awaiting(access_calls.edit_tenant)
    circuits_page = awaiting(service_calls.circuits_page)
    circuits = iterating_async(service_calls.circuits)
    close_circuit = awaiting(service_calls.close_circuit)
    usage = awaiting(service_calls.usage)
    health = awaiting(service_calls.health)
    set_read_only = awaiting(service_calls.set_read_only)
    openapi = awaiting(service_calls.openapi)
