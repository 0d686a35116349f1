"""Looks for secrets in what is tracked: ``python -m tests.support.secret_scan``; exit status 1 if there is one.

Only what cannot be anything else is looked for: keys and tokens whose form their issuers have fixed, private keys, and
this project's own API keys. Passwords that are written out in Python are ruff's (S105 to S107). What a test plants on
purpose is put together from parts, so that no line holds it whole.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORMS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[A-Z2-7]{16}\b",
    "an AWS secret key": r"(?i)aws_?secret_?(?:access_?)?key\W{1,5}[A-Za-z0-9/+]{40}\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20}",
    "a PyPI token": r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a Slack token or hook": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w{20,}",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "a Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "a key of Anthropic or OpenAI": r"\bsk-(?:ant-|proj-)[A-Za-z0-9_-]{20,}",
    "a Tidewheel API key": r"\btw_[A-Za-z0-9]{8,32}_[A-Za-z0-9_-]{40,}",
}
_FORMS = {name: re.compile(form) for name, form in FORMS.items()}


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """The line and the kind of each secret in a text; never the secret."""
    for name, form in _FORMS.items():
        for found in form.finditer(text):
            yield text.count("\n", 0, found.start()) + 1, name


def scanned(paths: Iterable[Path]) -> Iterator[str]:
    """What is found in files, each as a line; files that are no text are passed over."""
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        yield from (f"{path}:{line}: {name}" for line, name in secrets_in(text))


def tracked(root: Path = ROOT) -> list[Path]:
    """The files that git has, and those that it would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in listed.split("\0") if name]


if __name__ == "__main__":
    told = list(scanned(tracked()))
    sys.stdout.write("".join(f"{line}\n" for line in told) or "secrets: none found\n")
    sys.exit(bool(told))
