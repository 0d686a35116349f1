"""What is wrong with a definition: its kinds of steps, its graph and its references, told at once."""
