"""Pure rules: no clock, no environment, no input or output. Times are integers, milliseconds since the Unix epoch."""
