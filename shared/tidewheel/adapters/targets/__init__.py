"""What an attempt can call: one file per kind."""
