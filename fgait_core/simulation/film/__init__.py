"""Videos of simulated walkers: colours, light and the room around them; previews of a data set."""
