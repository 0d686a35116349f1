"""Workflows in DynamoDB."""
