"""Where the local cloud keeps its things: all below ``.local/`` of this checkout, unless a folder is named for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Places:
    """The files and folders of one local cloud.

    Args:
        root: The checkout, with the tools that setup installed.
        own: Where everything is written that is this cloud's alone, if it is not the checkout's own one.
    """

    root: Path = REPOSITORY
    own: Path | None = None

    @property
    def tools(self) -> Path:
        """What setup installed; git ignores it."""
        return self.root / ".local"

    @property
    def local(self) -> Path:
        """What a local cloud writes."""
        return self.own or self.tools

    @property
    def engine(self) -> Path:
        """What a running engine keeps; removed by ``down``."""
        return self.local / "engine"

    @property
    def record(self) -> Path:
        """Which engine runs, under which process id and on which port."""
        return self.engine / "running.json"

    @property
    def engine_log(self) -> Path:
        """What the engine printed; outlives ``down``, so that a fault can be looked into."""
        return self.local / "engine.log"

    @property
    def pool_record(self) -> Path:
        """Which process works the Fargate pool, and with which code."""
        return self.engine / "pool.json"

    @property
    def watch_record(self) -> Path:
        """Which code `make watch` has deployed past CloudFormation."""
        return self.engine / "watch.json"

    @property
    def pool_log(self) -> Path:
        """What that process said last; outlives ``down``."""
        return self.local / "pool.log"

    @property
    def deploy_log(self) -> Path:
        """What the CDK CLI printed last."""
        return self.local / "deploy.log"

    @property
    def cdk_outputs(self) -> Path:
        """The stacks' outputs as the CDK CLI writes them."""
        return self.local / "cdk-outputs.json"

    @property
    def outputs(self) -> Path:
        """The outputs as the command line, the demo and the benchmark read them."""
        return self.local / "outputs.json"

    @property
    def ministack_python(self) -> Path:
        """The interpreter of MiniStack's own venv; its Lambdas run on it too."""
        return self.tools / "ministack" / "bin" / "python"

    @property
    def host_python(self) -> Path:
        """The interpreter of LocalStack's own venv; its Lambdas run on it too."""
        return self.tools / "localstack-host" / "bin" / "python"

    @property
    def dynamodb_local(self) -> Path:
        """DynamoDB Local as it was fetched."""
        return self.tools / "dynamodb-local"

    @property
    def cdk(self) -> Path:
        """The pinned CDK command line."""
        return self.root / "infra" / "node_modules" / ".bin" / "cdk"
