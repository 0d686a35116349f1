"""Names and tags in any language are kept as they are; what is no text is refused by its code point."""

import json
from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from tidewheel.cli.tables import _text
from tidewheel.wire.model import printable
from tidewheel.wire.reading import read_job
from tidewheel.wire.refused import Refused

CASES = json.loads((Path(__file__).parents[2] / "cases" / "texts.json").read_text())
MORE = [
    "Ежедневный отчёт",
    "รายงาน ประจำวัน",
    "दैनिक रिपोर्ट",
    "דף \u200fשבת",
    "🏴\U000e0067\U000e0062\U000e007f",
    "a\u00adb",
]


def job(text):
    target = {"kind": "http", "url": "https://example.com/hook"}
    return read_job({"name": text, "target": target, "tags": {"title": text}})


@pytest.mark.parametrize("text", CASES["accept"] + MORE)
def test_ordinary_text_is_kept_as_it_is(text):
    made = job(text)
    assert (made.name, made.tags["title"]) == (text, text)
    assert _text(text).plain == text


@pytest.mark.parametrize("text", CASES["refuse"])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(Refused) as refused:
        job(text)
    assert [error.field for error in refused.value.errors] == ["name", "tags.title"]


@pytest.mark.parametrize(
    "code", [0x00, 0x07, 0x0A, 0x1B, 0x7F, 0x85, 0x9B, 0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069, 0xD800]
)
def test_the_refusal_names_the_code_point(code):
    with pytest.raises(PydanticCustomError) as refused:
        printable(f"a{chr(code)}b")
    assert f"U+{code:04X}" in refused.value.context["problem"]
    assert refused.value.context["remedy"] == f"leave U+{code:04X} out"
