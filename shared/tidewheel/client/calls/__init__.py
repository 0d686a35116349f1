"""The methods of the SDK, each written once as a flow; ``Client`` and ``AsyncClient`` carry them."""
