"""AWS on this machine: the engines behind one interface, and what each needs."""
