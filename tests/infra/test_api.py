import json

import pytest

from tidewheel.wire.problem import KINDS


def _methods(part):
    return [method["Properties"] for method in part.of("ApiGateway::Method").values()]


def _by_path(part):
    """The methods by the path of their resource."""
    resources = part.of("ApiGateway::Resource")

    def path(id):
        properties = resources[id]["Properties"]
        parent = properties["ParentId"]
        return (path(parent["Ref"]) if "Ref" in parent else "") + "/" + properties["PathPart"]

    return {path(method["ResourceId"]["Ref"]): method for method in _methods(part)}


GUARDED = {"/{proxy+}", "/v1/{proxy+}"}
OPEN = {"/v1/health", "/v1/openapi.json"}
SIGNED = {"/iam/{proxy+}"}


def test_every_path_goes_to_the_function(either, as_text):
    methods = _by_path(either.service)
    assert set(methods) == GUARDED | OPEN | (set() if either.local else SIGNED)
    for path, method in methods.items():
        assert method["HttpMethod"] == ("GET" if path in OPEN else "ANY")
        assert method["Integration"]["Type"] == "AWS_PROXY"
        assert "<ApiFunction" in as_text(method["Integration"]["Uri"])


def test_the_stage_is_not_part_of_the_paths(either, as_text):
    (stage,) = [each["Properties"] for each in either.service.of("ApiGateway::Stage").values()]
    assert stage["StageName"] == "prod"
    assert either.service.template["Outputs"]["ApiId"]["Value"] == stage["RestApiId"]
    url = either.service.template["Outputs"]["ApiUrl"]["Value"]
    assert as_text(stage["RestApiId"]) in as_text(url)


def test_every_method_is_guarded_but_what_is_for_everybody(either, as_text):
    ((id, authorizer),) = either.service.of("ApiGateway::Authorizer").items()
    assert authorizer["Properties"]["Type"] == "REQUEST"
    assert authorizer["Properties"]["IdentitySource"] == "method.request.header.Authorization"
    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] == 60
    assert "<AuthorizerFunction" in as_text(authorizer["Properties"]["AuthorizerUri"])
    for path, method in _by_path(either.service).items():
        if path in GUARDED:
            assert (method["AuthorizationType"], method["AuthorizerId"]) == ("CUSTOM", {"Ref": id})
        else:
            assert method["AuthorizationType"] == ("AWS_IAM" if path in SIGNED else "NONE")
            assert "AuthorizerId" not in method


def test_the_gateway_may_invoke_that_authorizer_alone(either, as_text):
    (authorizer,) = either.service.of("ApiGateway::Authorizer").values()
    role = authorizer["Properties"]["AuthorizerCredentials"]["Fn::GetAtt"][0]
    policies = [each["Properties"] for each in either.service.of("IAM::Policy").values()]
    (policy,) = [each for each in policies if {"Ref": role} in each["Roles"]]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"
    assert as_text(statement["Resource"]).startswith("<AuthorizerFunction")


def test_the_gateways_own_refusals_are_problems(aws, local):
    found = {one["ResponseType"]: one for one in _properties(aws, "GatewayResponse")}
    assert {kind: one.get("StatusCode") for kind, one in found.items()} == {"UNAUTHORIZED": None, "ACCESS_DENIED": None}
    for kind, status in (("UNAUTHORIZED", 401), ("ACCESS_DENIED", 403)):
        problem = json.loads(found[kind]["ResponseTemplates"]["application/json"])
        assert (problem["status"], problem["title"]) == (status, KINDS[problem["type"].rpartition(":")[2]][1])
    assert not _properties(local, "GatewayResponse")


def _properties(done, kind):
    return [each["Properties"] for each in done.service.of(f"ApiGateway::{kind}").values()]


def test_a_deployment_leaves_the_accounts_role_for_logs_alone(aws):
    assert not aws.service.of("ApiGateway::Account")
    (stage,) = [each["Properties"] for each in aws.service.of("ApiGateway::Stage").values()]
    assert "AccessLogSetting" not in stage
    (every,) = stage["MethodSettings"]
    assert (every["ThrottlingRateLimit"], every["ThrottlingBurstLimit"]) == (500, 1000)
    assert every.get("LoggingLevel", "OFF") == "OFF"


@pytest.mark.parametrize(("given", "roles"), [("account-role", 0), ("own-role", 1)])
def test_it_logs_by_the_accounts_role_or_by_its_own(synthesise, given, roles):
    done = synthesise(api_logs=given)
    assert len(done.service.of("ApiGateway::Account")) == roles
    assert done.findings == []
    (stage,) = [each["Properties"] for each in done.service.of("ApiGateway::Stage").values()]
    assert "requestTime" in stage["AccessLogSetting"]["Format"]
    (every,) = stage["MethodSettings"]
    assert (every["HttpMethod"], every["ResourcePath"], every["LoggingLevel"]) == ("*", "/*", "ERROR")
    assert every["ThrottlingRateLimit"] > 0
    assert every["ThrottlingBurstLimit"] > 0
    assert every["DataTraceEnabled"] is False


def test_a_laptop_asks_the_emulator_for_nothing_more(local):
    assert not local.service.of("ApiGateway::Account")
    (stage,) = [each["Properties"] for each in local.service.of("ApiGateway::Stage").values()]
    assert "AccessLogSetting" not in stage
    assert "MethodSettings" not in stage


def test_an_emulator_without_authorizers_leaves_it_to_the_function(synthesise):
    done = synthesise(target="local", sign_in="function")
    assert {method["AuthorizationType"] for method in _methods(done.service)} == {"NONE"}
    assert not done.service.of("ApiGateway::Authorizer")
    assert done.service.function("api")["Environment"]["Variables"]["TIDEWHEEL_SIGN_IN"] == "function"
    assert "tidewheel-authorizer" not in done.service.properties("Lambda::Function", "FunctionName")
