"""What an attempt can call: one file per kind.

A module with ``KIND`` and ``make`` is a kind (``surroundings`` says what it is given); those that need boto3 lie in
``adapters.aws.targets``. Importing one must not open anything: that is for ``make``.
"""
