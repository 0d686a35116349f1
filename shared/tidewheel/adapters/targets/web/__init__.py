"""What the ``http`` target stands on: URLs and requests, the network and its connections, and what comes back."""
