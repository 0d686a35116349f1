"""Makes an API key with AWS credentials alone: the first one, and any when all are lost. The command ``tidewheel admin
init`` becomes this program; the local cloud calls it for its own key.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tidewheel.adapters.aws import clients
from tidewheel.adapters.aws.dynamodb.access.api_keys import DynamoApiKeys
from tidewheel.adapters.aws.dynamodb.access.tenants import DynamoTenants
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.domain.access.api_key import ApiToken
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import DomainError, Unauthenticated
from tidewheel.domain.ids import DEFAULT_TENANT, check_tenant
from tidewheel.engine.access.keys import KeyService, NewKey
from tidewheel.engine.access.sign_in import SignIn
from tidewheel.names import DEFAULT_DEPLOYMENT, Table, physical
from tidewheel.ports import PortError
from tidewheel.wire.targets import PRIVILEGED

FAILED, MISUSED = 1, 2


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="tidewheel admin init")
    parser.add_argument("--deployment", default=DEFAULT_DEPLOYMENT)
    parser.add_argument("--tenant", default=DEFAULT_TENANT)
    parser.add_argument("--role", choices=[role.value for role in Role], default=Role.PLATFORM_ADMIN.value)
    parser.add_argument("--name", default="made by tidewheel admin init")
    parser.add_argument("--kind", action="append", choices=sorted(PRIVILEGED), default=[])
    parser.add_argument("--keep", action="store_true", help="keep the token on the standard input if it is valid")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Prints the token of a new key, and nothing else, on the standard output."""
    asked = options(arguments)
    client, table = clients.dynamodb(lean=False), physical(asked.deployment, Table.ACCESS)
    keys, tenants, clock = DynamoApiKeys(client, table), DynamoTenants(client, table), SystemClock()
    try:
        token = _kept(SignIn(keys, clock)) if asked.keep else ""
        if not token:
            who = Principal(check_tenant(asked.tenant), "tidewheel admin init", Role.PLATFORM_ADMIN, PRIVILEGED)
            wanted = NewKey(asked.name, Role(asked.role), frozenset(asked.kind))
            made = KeyService(keys, tenants, clock, SystemEntropy()).create(who, wanted)
            token = str(made.token)
            print(f"Made the key {made.key.id} of role {asked.role} for the tenant {asked.tenant}.", file=sys.stderr)  # noqa: T201
    except PortError as error:
        hint = "check the credentials, the region and --deployment"
        print(f"The table {table} could not be used ({error}): {hint}.", file=sys.stderr)  # noqa: T201
        return FAILED
    except DomainError as error:
        print(f"No key was made: {error}.", file=sys.stderr)  # noqa: T201
        return MISUSED
    print(token)  # noqa: T201 - it is shown this once
    return 0


def _kept(sign_in: SignIn) -> str:
    """The token on the standard input if it is one that is valid, else empty."""
    text = sys.stdin.read().strip()
    try:
        sign_in.grant(f"Bearer {text}")
    except Unauthenticated:
        return ""
    return text if ApiToken.parse(text) else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
