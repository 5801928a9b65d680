"""The tables around sign-in: slow-down, one-time codes, sign-in elsewhere. Written to like those of `tables`."""
