"""Signing in: by an API key, by a token of an issuer, or by the signature of an AWS identity."""
