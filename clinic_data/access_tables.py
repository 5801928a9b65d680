"""The tables of who may see whom: teams and access in an emergency. Written to like those of `tables`."""
