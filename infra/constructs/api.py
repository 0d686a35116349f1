"""The HTTP API: every path goes to one function, which knows the routes."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import nag
from infra.config import ApiLogs, Config
from infra.constructs.logs import log_group

STAGE = "prod"
REQUESTS_PER_SECOND = 500
BURST = 1000


class HttpApi(Construct):
    """A REST API in front of the api function, guarded by an authorizer where one is given."""

    def __init__(self, scope: Construct, id: str, *, config: Config, function: lambda_.Function) -> None:
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
        method = self.rest_api.root.add_resource("{proxy+}").add_method(
            "ANY",
            apigateway.LambdaIntegration(function, allow_test_invoke=False),
            authorizer=self._authorizer(),
            authorization_type=self._authorization(),
        )
        self._acknowledge(method)

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

    def _authorization(self) -> apigateway.AuthorizationType:
        open_to_all = self._config.authorizer_arn is None
        return apigateway.AuthorizationType.NONE if open_to_all else apigateway.AuthorizationType.CUSTOM

    def _authorizer(self) -> apigateway.TokenAuthorizer | None:
        """The authorizer, asked for every request: it may answer for one path alone, so nothing is cached."""
        arn = self._config.authorizer_arn
        if arn is None:
            return None
        return apigateway.TokenAuthorizer(
            self,
            "Authorizer",
            handler=lambda_.Function.from_function_arn(self, "AuthorizerFunction", arn),
            identity_source=apigateway.IdentitySource.header("Authorization"),
            results_cache_ttl=Duration.seconds(0),
            assume_role=self._caller_of(arn),
        )

    def _caller_of(self, authorizer: str) -> iam.IRole:
        """A role that may invoke exactly this function; the construct would add all its versions."""
        role = iam.Role(self, "AuthorizerRole", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[authorizer]))
        return role.without_policy_updates()

    def _acknowledge(self, method: apigateway.Method) -> None:
        stage = self.rest_api.deployment_stage
        nag.acknowledge(
            self.rest_api,
            "APIG2",
            "The function validates every request against its own models, and answers with problem details.",
        )
        nag.acknowledge(
            method,
            "COG4",
            "Who may call is decided by the authorizer that the account's owner brings, or by nobody locally.",
        )
        nag.acknowledge(
            stage,
            "APIG3",
            "A web ACL belongs to the account's own rules; the stage is throttled and every call authorised.",
        )
        if self._config.local:
            nag.acknowledge(method, "APIG4", "The local cloud listens on the loopback address alone.")
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
