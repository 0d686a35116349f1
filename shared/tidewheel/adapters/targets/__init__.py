"""The adapters of the kinds of target: one module per kind.

A module is an adapter if it has ``KIND``, the kind's name, and ``make``, which makes its ``ports.Caller`` from
``Surroundings``; ``wiring.callers`` finds it. Adapters that need boto3 lie in ``adapters.aws.targets``. Importing a
module must open no connection, file or thread: ``make`` does.
"""
