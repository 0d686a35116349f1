"""How much a tenant may use: its plan, its limits, and how the counted ones are counted."""
