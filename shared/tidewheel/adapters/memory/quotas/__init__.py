"""The counters of tenants' limits in memory."""
