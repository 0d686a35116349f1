"""``make demo``: jobs of each kind, watched until they have fired."""
