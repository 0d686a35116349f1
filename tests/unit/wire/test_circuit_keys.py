"""Whose failures count together: the parties that the kinds of target declare."""

from __future__ import annotations

import pytest

from tidewheel.domain.jobs.job import Target
from tidewheel.wire.targets import circuit_key


@pytest.mark.parametrize(
    ("kind", "spec", "key"),
    [
        ("http", {"url": "https://Example.com/a?b"}, "http:example.com:443"),
        ("http", {"url": "http://example.com:8080/x"}, "http:example.com:8080"),
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


def test_paths_and_methods_of_a_host_share_its_circuit() -> None:
    specs = [{"url": "https://a.example/x"}, {"url": "https://a.example:443/y", "method": "PUT"}]
    assert len({circuit_key(Target("http", spec)) for spec in specs}) == 1
