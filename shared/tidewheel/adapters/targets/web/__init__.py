"""What the ``http`` target stands on: the network, its connections, whom they trust, and what was read of an answer."""
