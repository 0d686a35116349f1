"""Whom TLS connections trust: public certificate authorities, or those of a bundle in PEM."""

from __future__ import annotations

import base64
import os
import re
import ssl
from functools import lru_cache

import certifi

from tidewheel.domain.limits import CA_BUNDLES

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_BREAKS = re.compile(r"\s|\\[nr]")  # also as JSON and shells write them, within a text that was not read as JSON


class Untrustworthy(Exception):
    """A text is no bundle of CAs. The message says why, without the text."""


def problem_of(bundle: str) -> str:
    """What is wrong with a bundle, as the end of a sentence that names it; empty if nothing is."""
    try:
        context_of(bundle)
    except Untrustworthy as error:
        return str(error)
    return ""


def public_context() -> ssl.SSLContext:
    """What trusts the public CAs: those of certifi, or where the environment says so as OpenSSL reads it."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=file)
    if folder := os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=certifi.where())


@lru_cache(CA_BUNDLES)
def context_of(bundle: str) -> ssl.SSLContext:
    """What trusts the certificates of a bundle, and no others.

    An intermediate CA is enough, and so is a server's own certificate: chains need not reach a root.

    Args:
        bundle: Certificates in PEM (RFC 7468); what stands around them is ignored.

    Raises:
        Untrustworthy: It holds no certificate, a damaged one, or a private key.
    """
    blocks = _BLOCK.findall(bundle)
    if any(label.endswith("PRIVATE KEY") for label, _ in blocks):
        raise Untrustworthy("holds a private key: give the certificates of the CAs alone")
    found = [body for label, body in blocks if label in _CERTIFICATES]
    if not found:
        raise Untrustworthy("holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificate and host name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for number, body in enumerate(found, 1):
        try:
            context.load_verify_locations(cadata=base64.b64decode(_BREAKS.sub("", body), validate=True))
        except (ssl.SSLError, ValueError) as error:
            raise Untrustworthy(f"holds a certificate that cannot be read: number {number}") from error
    return context
