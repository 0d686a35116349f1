"""What an attempt can call by way of AWS: one file per kind, as in ``adapters.targets``."""
