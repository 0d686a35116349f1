"""The local cloud: an AWS on this machine, for `make up`, the demo, the benchmark and the tests."""
