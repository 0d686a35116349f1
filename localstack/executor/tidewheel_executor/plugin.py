"""What LocalStack sees: its executor of Lambda functions, by processes instead of containers."""

from __future__ import annotations

from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localstack import config
from tidewheel_executor.environment import Environment, Function, InitFailed
from tidewheel_executor.runtime_api import HOST


class ProcessExecutor(RuntimeExecutor):
    """One execution environment."""

    _environment: Environment | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        """Starts it; LocalStack says its role's credentials and where AWS is."""
        settings = self.function_version.config
        environment = self._environment = Environment(
            Function(
                code=settings.code.get_unzipped_code_location(),
                layers=tuple(layer.code.get_unzipped_code_location() for layer in settings.layers),
                handler=settings.handler,
                variables={name: str(value) for name, value in env_vars.items()} | {"TZ": "UTC"},
                timeout_s=settings.timeout,
                memory_mb=settings.memory_size,
            )
        )
        try:
            environment.start()
        except InitFailed as error:
            raise StatusErrorException("Environment startup failed", payload=error.payload) from error

    def stop(self) -> None:
        """Ends it."""
        if self._environment is not None:
            self._environment.stop()

    def get_address(self) -> str:
        """Where it is."""
        return HOST

    def get_endpoint_from_executor(self) -> str:
        """Where it finds LocalStack."""
        return HOST

    def get_runtime_endpoint(self) -> str:
        """Of no use: its runtime talks to an API of its own."""
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}"

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Invokes the function once."""
        if self._environment is None:
            raise StatusErrorException("Environment was stopped", payload=b"{}")
        request_id = payload["invoke-id"]
        went = self._environment.invoke(
            request_id, payload["payload"].encode(), payload["invoked-function-arn"], payload["trace-id"]
        )
        return InvocationResult(request_id, went.payload, is_error=went.is_error, logs=went.logs)

    def get_logs(self) -> str:
        """Each invocation has brought its own."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpacks code and layers."""
        function_version.config.code.prepare_for_execution()
        for layer in function_version.config.layers:
            layer.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: the version that follows may run the same code, and LocalStack removes what none runs any more."""


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """``LAMBDA_RUNTIME_EXECUTOR=process``."""

    name = "process"

    def load(self, *_args: object, **_kwargs: object) -> type[RuntimeExecutor]:
        """The executor."""
        return ProcessExecutor
