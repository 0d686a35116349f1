"""The Control table: the shard layout, leases, shard ownership and the sweep, a module each."""
