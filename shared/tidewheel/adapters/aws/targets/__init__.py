"""The adapters of the kinds of target that use boto3: one module per kind, as in ``adapters.targets``."""
