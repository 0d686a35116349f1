"""The Control table: the shard layout, leases, shard ownership, the sweep and the health, a module each."""
