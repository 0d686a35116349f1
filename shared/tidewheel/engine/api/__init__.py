"""The flows of the HTTP API: one service for each resource."""
