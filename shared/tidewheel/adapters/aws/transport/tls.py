"""TLS as the SDK has it: its own context, and the CAs that it would trust."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from botocore.httpsession import create_urllib3_context, get_cert_path


@lru_cache(maxsize=8)
def context_of(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001 - the SDK's own parameter
    """The context for a value of the SDK's parameter ``verify``; reading the CAs takes 10 ms, so it is kept.

    Args:
        verify: A bundle's path; True for the bundle that comes with the SDK; False to believe everybody.

    Raises:
        OSError: There is no such bundle.
    """
    context: ssl.SSLContext = create_urllib3_context()
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.verify_mode = ssl.CERT_NONE
        return context
    bundle = str(get_cert_path(verify))  # type: ignore[arg-type] # it takes paths too
    if Path(bundle).is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    return context
