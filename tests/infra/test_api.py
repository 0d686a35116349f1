import pytest

AUTHORIZER = "arn:aws:lambda:us-east-1:111122223333:function:authorizer"


def _methods(part):
    return [method["Properties"] for method in part.of("ApiGateway::Method").values()]


def test_every_path_goes_to_the_function(either, as_text):
    (resource,) = [each["Properties"] for each in either.service.of("ApiGateway::Resource").values()]
    assert resource["PathPart"] == "{proxy+}"
    (method,) = _methods(either.service)
    assert method["HttpMethod"] == "ANY"
    assert method["Integration"]["Type"] == "AWS_PROXY"
    assert "<ApiFunction" in as_text(method["Integration"]["Uri"])


def test_the_stage_is_not_part_of_the_paths(either, as_text):
    (stage,) = [each["Properties"] for each in either.service.of("ApiGateway::Stage").values()]
    assert stage["StageName"] == "prod"
    assert either.service.template["Outputs"]["ApiId"]["Value"] == stage["RestApiId"]
    url = either.service.template["Outputs"]["ApiUrl"]["Value"]
    assert as_text(stage["RestApiId"]) in as_text(url)


def test_every_method_is_guarded_in_an_account(aws, as_text):
    ((id, authorizer),) = aws.service.of("ApiGateway::Authorizer").items()
    assert authorizer["Properties"]["Type"] == "TOKEN"
    assert authorizer["Properties"]["IdentitySource"] == "method.request.header.Authorization"
    assert AUTHORIZER in as_text(authorizer["Properties"]["AuthorizerUri"])
    for method in _methods(aws.service):
        assert (method["AuthorizationType"], method["AuthorizerId"]) == ("CUSTOM", {"Ref": id})


def test_no_answer_of_the_authorizer_is_reused_for_another_path(aws):
    (authorizer,) = aws.service.of("ApiGateway::Authorizer").values()
    assert authorizer["Properties"]["AuthorizerResultTtlInSeconds"] == 0


def test_the_gateway_may_invoke_that_authorizer_alone(aws):
    (authorizer,) = aws.service.of("ApiGateway::Authorizer").values()
    role = authorizer["Properties"]["AuthorizerCredentials"]["Fn::GetAtt"][0]
    policies = [each["Properties"] for each in aws.service.of("IAM::Policy").values()]
    (policy,) = [each for each in policies if {"Ref": role} in each["Roles"]]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", AUTHORIZER)


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


def test_a_laptop_is_open_and_asks_the_emulator_for_nothing_more(local):
    assert {method["AuthorizationType"] for method in _methods(local.service)} == {"NONE"}
    assert not local.service.of("ApiGateway::Account")
    (stage,) = [each["Properties"] for each in local.service.of("ApiGateway::Stage").values()]
    assert "AccessLogSetting" not in stage
    assert "MethodSettings" not in stage


def test_a_laptop_can_try_an_authorizer_too(synthesise):
    (method,) = _methods(synthesise(target="local").service)
    assert method["AuthorizationType"] == "CUSTOM"
