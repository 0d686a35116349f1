"""Tenants and API keys in DynamoDB."""
