"""Whose failures count together: the parties that the kinds of target declare."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tidewheel.domain.jobs.job import Target
from tidewheel.wire.bodies.circuit import circuit_id, party_of
from tidewheel.wire.targets import MAX_CIRCUIT_KEY, MODELS, circuit_key


@pytest.mark.parametrize(
    ("kind", "spec", "key"),
    [
        ("http", {"url": "https://Example.com/a?b"}, "http:example.com:443/a"),
        ("http", {"url": "http://example.com:8080/x"}, "http:example.com:8080/x"),
        ("http", {"url": "https://a.example/orders/17?key=s3cret"}, "http:a.example:443/orders"),
        ("http", {"url": "https://a.example//api/v1/orders/17"}, "http:a.example:443/api/v1/orders"),
        ("http", {"url": "https://a.example/API/v2beta1/"}, "http:a.example:443/API/v2beta1"),
        ("http", {"url": "https://a.example/vendors/7"}, "http:a.example:443/vendors"),
        ("http", {"url": "https://a.example/x/y?z", "circuit": "prefix"}, "http:a.example:443/x"),
        ("http", {"url": "https://a.example/x/y?z", "circuit": "host"}, "http:a.example:443"),
        ("http", {"url": "https://a.example/x/y/?z", "circuit": "url"}, "http:a.example:443/x/y"),
        ("http", {"url": "https://a.example/x/y?z", "circuit": "off"}, ""),
        ("http", {"url": "https://a.example/x/y?z", "circuit": "of a later release"}, "http:a.example:443/x"),
        ("http", {"url": "/x", "circuit": "url"}, ""),
        ("sqs", {"queue": "q", "circuit": "on"}, "sqs:q"),
        ("sqs", {"queue": "q", "circuit": "off"}, ""),
        ("http", {"url": "http://[2001:db8::1]/"}, "http:2001:db8::1:80"),
        ("http", {"url": "http://example.com:port/"}, ""),
        ("http", {"url": "/relative"}, ""),
        ("http", {}, ""),
        ("lambda", {"function": "resize:live"}, "lambda:resize:live"),
        ("sqs", {"queue": "arn:aws:sqs:eu-west-1:111122223333:q"}, "sqs:arn:aws:sqs:eu-west-1:111122223333:q"),
        ("sns", {"topic": "t"}, "sns:t"),
        ("eventbridge", {"bus": "default"}, "eventbridge:default"),
        ("stepfunctions", {"machine": "m"}, "stepfunctions:m"),
        ("sql", {"cluster": "c", "secret": "s"}, "sql:c"),
        ("python", {"function": "f"}, ""),
        ("command", {"program": "/bin/true"}, ""),
        ("unheard-of", {"url": "https://example.com"}, ""),
    ],
)
def test_whose_failures_count_together(kind: str, spec: dict[str, object], key: str) -> None:
    assert circuit_key(Target(kind, spec)) == key


def test_methods_and_longer_paths_of_a_prefix_share_its_circuit() -> None:
    specs = [{"url": "https://a.example/x"}, {"url": "https://a.example:443/x/y?z", "method": "PUT"}]
    assert len({circuit_key(Target("http", spec)) for spec in specs}) == 1


def test_a_long_key_fits_a_sort_key_and_stays_apart_from_others() -> None:
    urls = [f"https://a.example/{'x' * 2_000}{end}" for end in ("a", "b")]
    keys = [circuit_key(Target("http", {"url": url, "circuit": "url"})) for url in urls]
    assert [len(key) for key in keys] == [MAX_CIRCUIT_KEY] * 2
    assert keys[0] != keys[1]
    assert [party_of(circuit_id(key)) for key in keys] == keys


@pytest.mark.parametrize("party", ["http:a.example:443/x~y%20z", "lambda:resize:$LATEST", "sqs:Zoë", "http:[::1]:80"])
def test_an_id_stands_in_a_path_as_it_is(party: str) -> None:
    id = circuit_id(party)
    assert quote(id, safe="") == id
    assert party_of(id) == party


@pytest.mark.parametrize("id", ["", "http:a", "a b", "~", "~3a", "~41", "~FF", "x/y", "~E2~82", "é"])
def test_what_is_no_id(id: str) -> None:
    assert party_of(id) is None


def test_a_kind_with_a_party_can_do_without_a_circuit() -> None:
    for kind, model in MODELS.items():
        assert bool(model.PARTY) == ("circuit" in model.model_fields), kind
