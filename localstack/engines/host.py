"""The engine for machines without Docker that are to run LocalStack: its community edition on this machine itself.

Call it what it is: LocalStack's services with our process executor for functions, and DynamoDB Local.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localstack import processes
from localstack.engines.base import HOST, SIGN_IN_BY_FUNCTION
from localstack.engines.host_setup import JAR
from localstack.engines.process import ProcessEngine
from localstack.errors import LocalCloudError
from localstack.places import REPOSITORY, Places
from localstack.settings import ACCOUNT, CREDENTIALS, REGION, engine_environ


def launcher() -> Path:
    """The program that becomes LocalStack."""
    return REPOSITORY / "localstack" / "engines" / "host_main.py"


def environment(folder: Path, port: int, environ: Mapping[str, str], places: Places) -> dict[str, str]:
    """LocalStack's settings: everything it keeps lies in ``folder``."""
    home, temporary = folder / "home", folder / "tmp"
    library = folder / "var" / "lib" / "localstack" / "lib" / "dynamodb-local"
    for place in (home, temporary, library):
        place.mkdir(parents=True, exist_ok=True)
    if not (library / "2").exists():
        (library / "2").symlink_to(places.dynamodb_local)
    return {
        **engine_environ(environ),
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "GATEWAY_LISTEN": f"{HOST}:{port}",
        "LOCALSTACK_HOST": f"localhost:{port}",
        "FILESYSTEM_ROOT": str(folder),
        "TEST_AWS_ACCOUNT_ID": ACCOUNT,
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "OVERRIDE_IN_DOCKER": "0",
        "PROVIDER_OVERRIDE_DYNAMODB": "v2",
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "v2",
        "DYNAMODB_IN_MEMORY": "1",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.01",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.5",
        "SQS_ENDPOINT_STRATEGY": "path",
    }


@dataclass(frozen=True)
class LocalStackHost(ProcessEngine):
    """LocalStack in host mode."""

    name: str = "localstack-host"

    product = "LocalStack"
    ready_path = "/_localstack/health"
    ready_seconds = 90.0
    stop_seconds = 15.0

    @property
    def context(self) -> Sequence[str]:
        """LocalStack's community edition has no authorizers."""
        return (SIGN_IN_BY_FUNCTION,)

    def require(self) -> None:
        """Checks that LocalStack and DynamoDB Local are there."""
        if not self.places.host_python.exists() or not (self.places.dynamodb_local / JAR).exists():
            raise LocalCloudError("LocalStack is not installed: run `make setup ENGINE=localstack-host`.")

    def command(self) -> Sequence[str]:
        """The launcher under LocalStack's own interpreter; ``-P`` keeps our folder of that name out of its imports."""
        return [str(self.places.host_python), "-P", str(launcher())]

    def marks(self) -> processes.Marks:
        """The engine's, its functions' and its DynamoDB's."""
        return (str(launcher()), str(self.places.engine), str(self.places.host_python.parent.parent))

    def environment(self) -> dict[str, str]:
        """Its settings."""
        return environment(self.places.engine, self.port, os.environ, self.places)
