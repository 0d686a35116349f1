"""The audit log as the API keeps it."""
