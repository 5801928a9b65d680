"""What a walker wears and carries, as shapes around the body."""
