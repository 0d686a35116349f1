"""What looks like a secret is taken out of a document, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.jobs.masking import MASK, masked

NAMES = (
    "Authorization",
    "proxy-authorization",
    "Cookie",
    "password",
    "DB_PASSWORD",
    "apiKey",
    "x-api-key",
    "clientSecret",
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.text("abc /", max_size=9))
DOCUMENTS: Any = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "url", "region"]), inner, max_size=3)
    ),
)


@given(document=DOCUMENTS)
def test_a_document_without_secrets_stays_as_it_is(document: Any) -> None:
    assert masked(document) == document


@given(name=st.sampled_from(NAMES), value=st.text(min_size=1).map(lambda text: f"canary{text}"), around=DOCUMENTS)
def test_what_stands_under_such_a_name_is_masked_however_deep(name: str, value: str, around: Any) -> None:
    found = masked({"a": [{"b": around, name: value}, {"inner": {name: [value, {"x": value}]}}]})
    assert "canary" not in repr(found)
    assert found["a"][0] == {"b": around, name: MASK}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"secret": "billing", "key": "token", "prefix": "Bearer "}, None),
        ({"Authorization": {"secret": "billing"}}, None),
        ({"secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a"}, None),
        ({"token": ""}, None),
        ({"password": {"literal": "x"}}, {"password": MASK}),
        ("https://user:pw@example.com/a?x=1", "https://***@example.com/a?x=1"),
        ("https://example.com/a?access_token=abc&x=1#f", "https://example.com/a?access_token=***&x=1#f"),
        ("mail a@example.com about a://b", None),
    ],
)
def test_references_and_urls(value: Any, shown: Any) -> None:
    assert masked(value) == (value if shown is None else shown)


@pytest.mark.parametrize("value", [{"secret": "x"}, {"secret": "x", "key": "y"}, {"deep": [{"secret": "x"}]}])
def test_where_no_reference_stands_an_object_is_but_an_object(value: Any) -> None:
    assert masked(value) == value
    found = masked(value, references=False)
    assert MASK in repr(found)
    assert "'x'" not in repr(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password": "x", "day": 1}', '{"password": "***", "day": 1}'),
        (' [{"a": {"token": ["x"]}}]', '[{"a": {"token": "***"}}]'),
        ('{"headers": {"Authorization": {"secret": "billing"}}}', None),
        ('{"day":  1}', None),
        ('{"password": "x"', None),
        ("[" * 100_000, None),
    ],
)
def test_a_text_that_is_json_is_masked_within(text: str, shown: str | None) -> None:
    assert masked({"body": text}) == {"body": text if shown is None else shown}
