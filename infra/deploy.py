"""``make deploy``: a look at the account, then the CDK.

A stack that is created is not protected against deletion yet, so that a creation that fails can be rolled back and
repeated: the CDK's command line protects a stack before it executes the change set, and deletes one whose creation
failed before it tries again (``cdk deploy``; CloudFormation, "Protect CloudFormation stacks from being deleted"). When
it stands, the same deployment is repeated with protection, which changes nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import boto3

from infra.config import Config, ContextError
from infra.preflight.account import Account
from infra.preflight.checks import Preflight
from infra.preflight.findings import Finding

ROOT = Path(__file__).parents[1]
CDK = ROOT / "infra" / "node_modules" / ".bin" / "cdk"
IMPORT = "--import-existing-resources"
Run = Callable[[Sequence[str]], int]


def deploy(
    given: Mapping[str, str], account: Account, run: Run, *, flags: Sequence[str] = (), block: bool = True
) -> int:
    """Looks, and deploys unless something is found that would make it fail.

    Args:
        given: Context keys of the command line; those of ``cdk.json`` hold besides.
        account: Where to.
        run: Runs ``cdk deploy --all`` with arguments; answers its exit status.
        flags: More arguments for the CDK.
        block: Whether a finding that blocks does so.

    Returns:
        The exit status.

    Raises:
        ContextError: A context key is malformed.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | given
    preflight = Preflight(Config.from_context(context.get), account, importing=IMPORT in flags)
    _tell(preflight.run())
    if preflight.findings.block and block:
        _say("Nothing was deployed. To deploy in spite of what is found: PREFLIGHT=warn make deploy")
        return 1
    creating = sorted(preflight.absent)  # one that nobody could read of is not unprotected for it
    keys = [*flags, *(argument for key, value in given.items() for argument in ("-c", f"{key}={value}"))]
    if creating:
        status = run([*keys, "-c", f"creating={','.join(creating)}"])
        if status:
            _say("The creation failed and is rolled back: mend what is named above, then run make deploy again.")
            return status
        _say("The stacks stand. Now they are protected against deletion.")
    return run(keys)


def _tell(findings: Sequence[Finding]) -> None:
    for finding in findings:
        _say(str(finding))
    if not findings:
        _say("The account has what this deployment asks for.")


def _say(text: str) -> None:
    print(f"pre-flight: {text}", file=sys.stderr, flush=True)  # noqa: T201 -- a command-line program


def _run(arguments: Sequence[str]) -> int:
    return subprocess.run([str(CDK), "deploy", "--all", "--no-notices", *arguments], cwd=ROOT, check=False).returncode  # noqa: S603


def main(arguments: Sequence[str]) -> int:
    """Deploys to the account of the environment; answers the exit status."""
    parser = argparse.ArgumentParser("python -m infra.deploy")
    parser.add_argument("-c", dest="context", action="append", default=[], metavar="KEY=VALUE")
    known, flags = parser.parse_known_args(arguments)
    given = dict(pair.split("=", 1) for pair in known.context if "=" in pair)
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)  # boto3 reads AWS_DEFAULT_REGION alone
    account = Account(cast(Callable[[str], Any], session.client), session.region_name)
    try:
        return deploy(given, account, _run, flags=flags, block=os.environ.get("PREFLIGHT") != "warn")
    except ContextError as error:
        _say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
