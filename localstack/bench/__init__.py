"""``make bench``: what the local cloud's figures are."""
