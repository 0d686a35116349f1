"""Pure rules: no clock, no environment, no I/O. Times are integers, milliseconds since the Unix epoch."""
