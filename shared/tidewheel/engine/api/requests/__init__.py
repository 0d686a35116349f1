"""What requests have in common: their repeats under an idempotency key."""
