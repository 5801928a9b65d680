"""The tables of encryption: keys, sealed files, the blind index of the search. Written to like those of `tables`."""
