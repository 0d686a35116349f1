"""What the pages hold: their headings, links and blocks of code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(```+)(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")


def pages(root: Path = ROOT) -> list[Path]:
    """The pages of a tree."""
    found = [root / "README.md", root / "localstack" / "README.md", *(root / "shared").rglob("*.md")]
    return sorted(page for page in found if page.is_file())


def blocks(text: str, language: str = "sh") -> list[str]:
    """The blocks of code in a language, in order."""
    return [found[3] for found in _FENCE.finditer(text) if found[2] == language]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a page's headings; a repeated one gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(text: str) -> list[str]:
    """The relative links of a page; those in code are none."""
    prose = _CODE.sub("``", _FENCE.sub("", text))
    return [link for link in _LINK.findall(prose) if not re.match(r"[a-z][a-z0-9+.-]*:", link)]


def broken(found: Iterable[Path]) -> Iterator[str]:
    """The links that lead nowhere, each with its page: to no file, or to a heading that its page lacks."""
    for page in found:
        for link in links(page.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            to = (page.parent / path).resolve() if path else page.resolve()
            if not to.exists():
                yield f"{page}: {link}: no such file"
            elif anchor and (to.is_dir() or anchor not in anchors(to.read_text(encoding="utf-8"))):
                yield f"{page}: {link}: no such heading"
