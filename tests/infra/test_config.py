import json

import pytest

from infra import app
from infra.capacity import Capacity, Pollers
from infra.config import ApiLogs, Config, ContextError, Stage, Target
from tidewheel.names import PRIORITIES, Function

NOTHING_LISTED = {"target_functions": (), "sql_clusters": (), "sql_secrets": ()}
LOCAL_KINDS = '{"*": ["command", "python"]}'
CLUSTER = "arn:aws:rds:us-east-1:111122223333:cluster:orders"
ISSUER = {
    "issuer": "https://issuer.example.com/",
    "audience": "tidewheel",
    "jwks_url": "https://issuer.example.com/keys",
    "tenant": "acme",
    "role": "viewer",
}
SQL = {"allow_kinds": {"lambda": ["sql"]}, "sql_clusters": CLUSTER}


def _read(**context):
    return Config.from_context(context.get)


def test_defaults_of_an_account():
    config = _read()
    batches = {"critical": 50, "high": 40, "normal": 40, "low": 20}
    reserved = {Function.WORKER: 150, Function.SCHEDULER: 6, Function.WATCHDOG: 2}
    capacity = Capacity(batches, 10, 2, 10, {}, reserved)
    assert config == Config(Target.AWS, "tidewheel", 16, 2, NOTHING_LISTED, capacity)
    assert config.api_logs is ApiLogs.OFF
    assert not config.local
    assert config.allowed_networks == "none"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/keys", "http://[::1]/keys", "http://localhost/keys"])
def test_an_issuer_of_this_machine_is_for_a_laptop(url):
    assert json.loads(_read(target="local", issuers=[ISSUER | {"jwks_url": url}]).issuers)[0]["jwks_url"] == url


def test_defaults_of_a_laptop():
    config = _read(target="local")
    assert config == Config(
        Target.LOCAL,
        "tidewheel",
        4,
        2,
        NOTHING_LISTED,
        Capacity(dict.fromkeys(PRIORITIES, 5), 10, 2, 10, {}, {}),
        allowed_networks="127.0.0.0/8,::1/128",
        allow_kinds=LOCAL_KINDS,
    )
    assert config.local


def test_functions_in_containers():
    assert _read(target="local", containers="true").containers
    assert not _read(target="local").containers
    with pytest.raises(ContextError, match="'containers' is for target local"):
        _read(containers="true")


def test_defaults_of_an_economy():
    config = _read(economy="true")
    assert config == Config(
        Target.AWS, "tidewheel", 2, 1, NOTHING_LISTED, config.capacity, economy=True, scheduler_memory=512
    )
    assert config.capacity.reserved == {Function.WORKER: 150, Function.SCHEDULER: 2}
    assert (config.pace, _read(target="local", economy=False).pace) == ("economy", "loop")
    assert _read(target="local", economy=True, shards="16").shards == 16


def test_everything_can_be_given():
    targets = "arn:aws:lambda:us-east-1:111122223333:function:a-*, arn:aws:lambda:us-east-1:111122223333:function:b"
    config = _read(target="local", deployment="team-a", shards="32", target_functions=targets)
    assert config.physical("jobs") == "team-a-jobs"
    assert config.shards == 32
    assert config.listed["target_functions"] == tuple(targets.split(", "))
    assert config == _read(target="local", deployment="team-a", shards=32, target_functions=targets.split(", "))


def test_every_reservation_and_limit_can_be_given():
    capacity = _read(
        batches_critical=2,
        batches_high=2,
        batches_normal=3,
        batches_low="2",
        batch_size=5,
        dead_letter_batches=4,
        dead_letter_batch_size=1,
        reserved_worker=20,
        reserved_scheduler=3,
        reserved_watchdog=0,
        reserved_api=30,
        reserved_reconciler=1,
        reserved_dead_letter_handler=4,
        warm_reads=24_000,
        warm_writes=8_000,
    ).capacity
    assert capacity == Capacity(
        {"critical": 2, "high": 2, "normal": 3, "low": 2},
        5,
        4,
        1,
        {},
        {
            Function.WORKER: 20,
            Function.SCHEDULER: 3,
            Function.API: 30,
            Function.RECONCILER: 1,
            Function.DEAD_LETTER_HANDLER: 4,
        },
        24_000,
        8_000,
    )
    assert _read(reserved_worker=0).capacity.reserved.get(Function.WORKER) is None


def test_pollers_take_the_place_of_a_limit_of_batches():
    capacity = _read(pollers_high="2", pollers_low=3, most_pollers_low=20).capacity
    assert capacity.pollers == {"high": Pollers(2, 2), "low": Pollers(3, 20)}
    assert capacity.reserved[Function.WORKER] == 50 + 20 + 40 + 200
    assert _read(pollers_high=0).capacity.pollers == {}


def test_what_is_being_created_is_not_protected_yet():
    config = _read(creating="service")
    assert (config.protects(Stage.STATE), config.protects(Stage.SERVICE)) == (True, False)
    assert not _read(target="local").protects(Stage.STATE)


def test_who_may_begin():
    config = _read(target="local")
    assert (config.circuit_failures, config.circuit_open, config.tenant_concurrency) == (5, 600, "{}")
    config = _read(target="local", circuit_failures="0", circuit_open="60", tenant_concurrency='{"acme": 5, "*": 50}')
    assert (config.circuit_failures, config.circuit_open) == (0, 60)
    assert config.tenant_concurrency == '{"*": 50, "acme": 5}'
    assert _read(target="local", tenant_concurrency={"acme": 5}).tenant_concurrency == '{"acme": 5}'


def test_which_kinds_with_the_rights_of_a_worker_run_where():
    assert _read().allow_kinds == "{}"
    assert _read(target="local", allow_kinds='{"fargate": ["python", "command"]}').allow_kinds == (
        '{"fargate": ["command", "python"]}'
    )
    config = _read(pools="on-site", **SQL | {"allow_kinds": {"on-site": ["sql"]}})
    assert [config.runs("sql", pool) for pool in ("lambda", "on-site")] == [False, True]
    assert config.runs("http", "lambda")
    assert _read(target="local").runs("python", "fargate")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        (" 10.0.0.0/8 , fd00::/8", "10.0.0.0/8,fd00::/8"),
        (["10.0.0.0/8", "10.1.2.3"], "10.0.0.0/8,10.1.2.3/32"),
        ("none", "none"),
        ([], "none"),
        ("", "127.0.0.0/8,::1/128"),
    ],
)
def test_networks_that_targets_may_have(given, kept):
    assert _read(target="local", allowed_networks=given).allowed_networks == kept


@pytest.mark.parametrize(
    ("key", "context"),
    [
        ("target", {"target": "azure"}),
        ("deployment", {"target": "local", "deployment": "Team A"}),
        ("deployment", {"target": "local", "deployment": "a" * 31}),
        ("shards", {"target": "local", "shards": "0"}),
        ("shards", {"target": "local", "shards": "many"}),
        ("scheduler_memory", {"target": "local", "scheduler_memory": "1 GB"}),
        ("schedulers", {"target": "local", "schedulers": "0"}),
        ("schedulers", {"target": "local", "economy": "true", "schedulers": "2"}),
        ("economy", {"target": "local", "economy": "yes"}),
        ("circuit_failures", {"target": "local", "circuit_failures": "few"}),
        ("circuit_open", {"target": "local", "circuit_open": "0"}),
        ("circuit_open", {"target": "local", "circuit_open": "86401"}),
        ("tenant_concurrency", {"target": "local", "tenant_concurrency": "acme=5"}),
        ("tenant_concurrency", {"target": "local", "tenant_concurrency": {"acme": 0}}),
        ("allow_kinds", {"target": "local", "allow_kinds": "command"}),
        ("allow_kinds", {"target": "local", "allow_kinds": {"fargate": "command"}}),
        ("allow_kinds", {"target": "local", "allow_kinds": {"fargate": ["http"]}}),
        ("allow_kinds", {"target": "local", "allow_kinds": {"gpu": ["command"]}}),
        ("sql_clusters", SQL | {"allow_kinds": "{}"}),
        ("sql_clusters", SQL | {"sql_clusters": ""}),
        ("sql_secrets", SQL | {"sql_secrets": "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds*"}),
        ("authorizer_arn", {"authorizer_arn": "arn:aws:lambda:us-east-1:111122223333:function:authorizer"}),
        ("sign_in", {"sign_in": "nobody"}),
        ("sign_in", {"sign_in": "function"}),
        ("issuers", {"issuers": "{}"}),
        ("issuers", {"issuers": [{"issuer": "https://example.com"}]}),
        ("issuers", {"issuers": [ISSUER | {"jwks_url": "http://example.com/keys"}]}),
        ("issuers", {"issuers": [ISSUER | {"jwks_url": "http://127.0.0.1:8080/keys"}]}),
        ("issuers", {"target": "local", "issuers": [ISSUER | {"jwks_url": "http://example.com/keys"}]}),
        ("issuers", {"target": "local", "issuers": [ISSUER | {"jwks_url": "http://127.0.0.1.example.com/keys"}]}),
        ("issuers", {"target": "local", "issuers": [ISSUER | {"jwks_url": "file:///etc/passwd"}]}),
        ("issuers", {"target": "local", "issuers": [ISSUER | {"jwks_url": "https://example.com:99999/keys"}]}),
        ("issuers", {"issuers": [ISSUER | {"algorithms": ["HS256"]}]}),
        ("issuers", {"issuers": [ISSUER | {"algorithms": ["none"]}]}),
        ("issuers", {"issuers": [ISSUER | {"tenant_claim": "org"}]}),
        ("issuers", {"issuers": [ISSUER | {"roles": {"a": "owner"}}]}),
        ("issuers", {"issuers": [ISSUER | {"roels": {}}]}),
        ("issuers", {"target": "local", "sign_in": "function", "issuers": [ISSUER]}),
        ("target_functions", {"target": "local", "target_functions": "*"}),
        ("sql_clusters", {"target": "local", "sql_clusters": "arn:aws:rds:us-east-1:111122223333:cluster:*"}),
        ("sql_clusters", {"target": "local", "sql_clusters": "orders"}),
        ("pools", {"target": "local", "pools": "Fast"}),
        ("batches_low", {"target": "local", "batches_low": "1"}),
        ("batches_low", {"target": "local", "batches_low": "1001"}),
        ("batch_size", {"target": "local", "batch_size": "11"}),
        ("dead_letter_batches", {"target": "local", "dead_letter_batches": "0"}),
        ("reserved_worker", {"reserved_worker": "149"}),
        ("reserved_scheduler", {"reserved_scheduler": "2"}),
        ("reserved_api", {"reserved_api": "-1"}),
        ("pollers_high", {"target": "local", "pollers_high": "1"}),
        ("pollers_high", {"target": "local", "pollers_high": "201"}),
        ("most_pollers_high", {"target": "local", "pollers_high": "9", "most_pollers_high": "8"}),
        ("most_pollers_high", {"target": "local", "pollers_high": "9", "most_pollers_high": "2001"}),
        ("warm_writes", {"target": "local", "warm_writes": "3999"}),
        ("warm_reads", {"target": "local", "warm_reads": "1"}),
        ("api_logs", {"target": "local", "api_logs": "yes"}),
        ("creating", {"target": "local", "creating": "state,all"}),
        ("fargate", {"target": "local", "fargate": "true"}),
        ("fargate", {"target": "local", "fargate": "yes"}),
        ("fargate_base", {"target": "local", "fargate_base": "-1"}),
        ("fargate_public", {"target": "local", "fargate_public": "yes"}),
        ("fargate_min", {"target": "local", "fargate_min": "0"}),
        ("fargate_max", {"target": "local", "fargate_min": "5", "fargate_max": "4"}),
        ("fargate_vpc", {"target": "local", "fargate_vpc": "mine", "fargate_subnets": "subnet-01234567"}),
        ("fargate_subnets", {"target": "local", "fargate_vpc": "vpc-01234567", "fargate_subnets": "mine"}),
        ("fargate_subnets", {"target": "local", "fargate_vpc": "vpc-01234567"}),
        ("fargate_subnets", {"target": "local", "fargate_subnets": "subnet-01234567"}),
        ("pools", {"target": "local", "pools": "a b"}),
        ("pools", {"target": "local", "pools": ["a" * 32]}),
        ("pools", {"target": "local", "pools": "a,b,c,d"}),
        ("allowed_networks", {"target": "local", "allowed_networks": "10.0.0.1/8"}),
        ("allowed_networks", {"target": "local", "allowed_networks": "none,10.0.0.0/8"}),
        ("allowed_networks", {"target": "local", "allowed_networks": "intranet"}),
        ("target_functions", {"target": "local", "target_functions": "arn:aws:sqs:us-east-1:111122223333:q"}),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line_with_its_key(key, context):
    with pytest.raises(ContextError) as caught:
        _read(**context)
    assert caught.value.key == key
    assert repr(key) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whoever_brings_an_authorizer_is_told_what_replaces_it(monkeypatch, capsys):
    monkeypatch.setattr(app, "synthesise", lambda: _read(authorizer_arn="arn:aws:lambda:x"))
    assert app.main() == 1
    written = capsys.readouterr()
    assert written.err.startswith("tidewheel: context 'authorizer_arn' is none any more")
    assert "admin init" in written.err
    assert written.err.count("\n") == 1


def test_pools_are_those_of_every_deployment_and_what_is_named():
    assert _read(target="local").pools == ("lambda", "fargate")
    assert _read(target="local", pools="gpu, fargate,rack-2").pools == ("lambda", "fargate", "gpu", "rack-2")
    assert len(_read(target="local", pools=["gpu"]).routes) == 12
