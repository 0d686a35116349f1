"""The flows: plan purely, then perform. Each reads the clock once and passes ``now`` down."""
