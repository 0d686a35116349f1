"""The HTTP API: every path goes to one function, which knows the routes; an authorizer says who asks."""

from __future__ import annotations

import json

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import nag
from infra.config import ApiLogs, Config
from infra.constructs.functions import ServiceFunction
from infra.constructs.logs import log_group
from tidewheel.names import SIGNED_PREFIX

STAGE = "prod"
VERSION = "v1"
OPEN_PATHS = ("health", "openapi.json")
"""What is served to everybody, signed in or not."""
AUTHORIZER_TTL = Duration.seconds(60)
"""How long a key that was revoked may still be accepted."""
UNAUTHORIZED = 401
REQUESTS_PER_SECOND = 500
BURST = 1000


class HttpApi(Construct):
    """A REST API in front of the api function.

    Args:
        scope: The stack.
        id: In the stack.
        config: The deployment.
        function: Serves the requests.
        authorizer: Signs callers in; None where the function does so itself.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        function: lambda_.Function,
        authorizer: ServiceFunction | None,
    ) -> None:
        super().__init__(scope, id)
        self._config = config
        self.rest_api = apigateway.RestApi(
            self,
            "RestApi",
            rest_api_name=config.physical("api"),
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=config.api_logs is ApiLogs.OWN_ROLE,
            deploy_options=self._stage(),
        )
        self.rest_api.node.try_remove_child("Endpoint")  # an output under a name that nobody reads
        self._function = function
        guard = self._guard(authorizer) if authorizer else None
        root = self.rest_api.root
        version = root.add_resource(VERSION)
        for resource in (root.add_resource("{proxy+}"), version.add_resource("{proxy+}")):
            self._serve(resource, "ANY", authorizer=guard)
        for path in OPEN_PATHS:
            self._serve(version.add_resource(path), "GET")
        if not config.local:  # no emulator checks signatures
            signed = root.add_resource(SIGNED_PREFIX.strip("/")).add_resource("{proxy+}")
            self._serve(signed, "ANY", signed=True)
            self._say_how_to_sign_in()
        self._acknowledge()

    def _serve(
        self,
        resource: apigateway.Resource,
        verb: str,
        *,
        authorizer: apigateway.RequestAuthorizer | None = None,
        signed: bool = False,
    ) -> None:
        """Hands the requests of a resource to the function."""
        kind = apigateway.AuthorizationType
        method = resource.add_method(
            verb,
            apigateway.LambdaIntegration(self._function, allow_test_invoke=False),
            authorizer=authorizer,
            authorization_type=kind.IAM if signed else kind.CUSTOM if authorizer else kind.NONE,
        )
        nag.acknowledge(method, "COG4", "Keys, tokens of any issuer and signatures are looked at, not one user pool's.")
        if not signed and authorizer is None:
            nag.acknowledge(
                method,
                "APIG4",
                "Health and the API's document are for everybody; an emulator leaves the rest to the function.",
            )

    def _guard(self, authorizer: ServiceFunction) -> apigateway.RequestAuthorizer:
        """The authorizer, whose answers are kept for a minute and serve every path of the stage.

        What of an answer may change sooner, the function checks on each request: when the key ends, the network that
        the request comes from, and the state of the tenant.
        """
        return apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=authorizer.function,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=AUTHORIZER_TTL,
            assume_role=self._caller_of(authorizer.function.function_arn),
        )

    def _caller_of(self, authorizer: str) -> iam.IRole:
        """A role that may invoke exactly this function; the construct would add all its versions."""
        role = iam.Role(self, "AuthorizerRole", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[authorizer]))
        return role.without_policy_updates()

    def _say_how_to_sign_in(self) -> None:
        """What the gateway answers itself has the form of all other problems."""
        for kind, status, name, title in (
            (apigateway.ResponseType.UNAUTHORIZED, 401, "unauthenticated", "Nobody is signed in"),
            (apigateway.ResponseType.ACCESS_DENIED, 403, "forbidden", "This is not allowed"),
        ):
            problem = {
                "type": f"urn:tidewheel:problem:{name}",
                "title": title,
                "status": status,
                "detail": "send a key or a token that is valid in the header Authorization, after the word Bearer",
                "instance": "urn:tidewheel:request:$context.requestId",
                "errors": [],
            }
            self.rest_api.add_gateway_response(
                name.capitalize(),
                type=kind,
                response_headers={"WWW-Authenticate": "'Bearer'"} if status == UNAUTHORIZED else {},
                templates={"application/json": json.dumps(problem)},
            )

    @property
    def url(self) -> str:
        """The URL of the stage, with a slash at its end; paths begin with ``v1``."""
        return self.rest_api.url

    def _stage(self) -> apigateway.StageOptions:
        if self._config.local:
            return apigateway.StageOptions(stage_name=STAGE)
        if self._config.api_logs is ApiLogs.OFF:
            return apigateway.StageOptions(
                stage_name=STAGE, throttling_rate_limit=REQUESTS_PER_SECOND, throttling_burst_limit=BURST
            )
        access = log_group(self, "AccessLogs", f"/aws/apigateway/{self._config.physical('api')}")
        return apigateway.StageOptions(
            stage_name=STAGE,
            access_log_destination=apigateway.LogGroupLogDestination(access),
            access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                caller=False,
                http_method=True,
                ip=True,
                protocol=True,
                request_time=True,
                resource_path=True,
                response_length=True,
                status=True,
                user=False,
            ),
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            throttling_rate_limit=REQUESTS_PER_SECOND,
            throttling_burst_limit=BURST,
        )

    def _acknowledge(self) -> None:
        stage = self.rest_api.deployment_stage
        nag.acknowledge(
            self.rest_api,
            "APIG2",
            "The function validates every request against its own models, and answers with problem details.",
        )
        nag.acknowledge(
            stage,
            "APIG3",
            "A web ACL belongs to the account's own rules; the stage is throttled and every call authorised.",
        )
        if self._config.api_logs is ApiLogs.OWN_ROLE:
            self._acknowledge_log_role()
        if self._config.local or self._config.api_logs is ApiLogs.OFF:
            for rule in ("APIG1", "APIG6"):
                nag.acknowledge(
                    stage,
                    rule,
                    "It takes a role that is the whole account's, so it is the account's owner who turns it on "
                    "(api_logs); the function logs what fails.",
                )

    def _acknowledge_log_role(self) -> None:
        role = self.rest_api.node.find_child("CloudWatchRole")
        assert isinstance(role, Construct)
        policy = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
        nag.acknowledge(
            role,
            f"IAM4[Policy::{policy}]",
            "API Gateway asks for one role per account and region, with exactly this policy, to write logs.",
        )
