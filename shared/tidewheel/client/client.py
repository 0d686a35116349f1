"""The HTTP API as typed methods; bodies and answers are the models of ``tidewheel.wire``."""

from __future__ import annotations

from collections.abc import Callable
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
from tidewheel.client.moment import Moment, pause
from tidewheel.client.transport import Blocking, blocking, headers, iterating, unheard


class Client:
    """A Tidewheel deployment. Every method raises ``ApiError``. Close the client, or use it as a context manager.

    A request is repeated a few times if there was no answer or the service was busy (``Retries``). Each that changes
    something carries an ``Idempotency-Key``, made for the call unless one is given, so that a repeat is safe.

    ``AsyncClient`` has the same methods, to be awaited. Both are listed here by the functions of ``calls`` that make
    them.

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
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], None] = pause,
        now: Callable[[], Moment] = moment.now,
        heard: Callable[[str], None] = unheard,
    ) -> None:
        http = httpx.Client(base_url=base_url, headers=headers(token, tenant), timeout=timeout, transport=transport)
        self._carrier = Blocking(http, wait, now, heard)

    @classmethod
    def from_env(cls, url: str | None = None, *, folder: Path | None = None, **options: Any) -> Self:
        """The deployment that the command line would talk to, by ``deployment.find_deployment``.

        Args:
            url: The API's URL; else ``TIDEWHEEL_API_URL``, else that of the local cloud's outputs file.
            folder: Where the search for the outputs file begins; else where the process is.
            options: Further arguments of the client.

        Raises:
            NoDeployment: None is known.
        """
        found = find_deployment(url, folder=folder)
        return cls(found.url, found.token, **options)

    @property
    def carrier(self) -> Blocking:
        """Carries flows that are not among the methods."""
        return self._carrier

    def close(self) -> None:
        """Closes the connections."""
        self._carrier.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    call = blocking(sending.call)

    create_job = blocking(job_calls.create_job)
    jobs_page = blocking(job_calls.jobs_page)
    jobs = iterating(job_calls.jobs)
    job_id = blocking(job_calls.job_id)
    job = blocking(job_calls.job)
    replace_job = blocking(job_calls.replace_job)
    edit_job = blocking(job_calls.edit_job)
    delete_job = blocking(job_calls.delete_job)
    pause_job = blocking(job_calls.pause_job)
    resume_job = blocking(job_calls.resume_job)
    bulk_jobs = blocking(job_calls.bulk_jobs)
    upcoming = blocking(job_calls.upcoming)

    run_job = blocking(run_calls.run_job)
    executions_page = blocking(run_calls.executions_page)
    executions = iterating(run_calls.executions)
    runs_page = blocking(run_calls.runs_page)
    runs = iterating(run_calls.runs)
    ledger_page = blocking(run_calls.ledger_page)
    ledger = blocking(run_calls.ledger)
    execution = blocking(run_calls.execution)
    logs_page = blocking(run_calls.logs_page)
    logs = iterating(run_calls.logs)
    cancel = blocking(run_calls.cancel)
    dead_letters_page = blocking(run_calls.dead_letters_page)
    dead_letters = iterating(run_calls.dead_letters)
    redrive = blocking(run_calls.redrive)
    start_run = blocking(workflow_run_calls.start_run)
    workflow_runs_page = blocking(workflow_run_calls.workflow_runs_page)
    workflow_runs = iterating(workflow_run_calls.workflow_runs)
    workflow_run = blocking(workflow_run_calls.workflow_run)
    cancel_run = blocking(workflow_run_calls.cancel_run)
    pause_run = blocking(workflow_run_calls.pause_run)
    resume_run = blocking(workflow_run_calls.resume_run)
    clear_run = blocking(workflow_run_calls.clear_run)
    wait = blocking(waiting.wait)
    register = blocking(registering.register)

    put_workflow = blocking(workflow_calls.put_workflow)
    workflows_page = blocking(workflow_calls.workflows_page)
    workflows = iterating(workflow_calls.workflows)
    workflow = blocking(workflow_calls.workflow)
    delete_workflow = blocking(workflow_calls.delete_workflow)
    workflow_versions_page = blocking(workflow_calls.workflow_versions_page)
    workflow_versions = iterating(workflow_calls.workflow_versions)
    workflow_version = blocking(workflow_calls.workflow_version)

    audit_page = blocking(service_calls.audit_page)
    audit = iterating(service_calls.audit)
    me = blocking(access_calls.me)
    keys_page = blocking(access_calls.keys_page)
    keys = iterating(access_calls.keys)
    create_key = blocking(access_calls.create_key)
    rotate_key = blocking(access_calls.rotate_key)
    revoke_key = blocking(access_calls.revoke_key)
    tenants_page = blocking(access_calls.tenants_page)
    tenants = iterating(access_calls.tenants)
    tenant = blocking(access_calls.tenant)
    create_tenant = blocking(access_calls.create_tenant)
    edit_tenant = blocking(access_calls.edit_tenant)
    circuits_page = blocking(service_calls.circuits_page)
    circuits = iterating(service_calls.circuits)
    close_circuit = blocking(service_calls.close_circuit)
    usage = blocking(service_calls.usage)
    health = blocking(service_calls.health)
    set_read_only = blocking(service_calls.set_read_only)
    openapi = blocking(service_calls.openapi)
