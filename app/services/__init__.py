"""Use cases, importable without a screen. Each call takes the actor and asks the one permission table."""
