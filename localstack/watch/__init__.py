"""``make watch``: the quick loop."""
