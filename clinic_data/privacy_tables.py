"""The tables of privacy: retention, legal holds, erasure. Written to like those of `tables`."""
