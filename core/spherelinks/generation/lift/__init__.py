"""Our own network: one picture to a whole object."""
