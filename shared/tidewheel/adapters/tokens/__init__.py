"""Tokens of OpenID Connect issuers. Only the authorizer imports this room: it needs PyJWT and cryptography."""
