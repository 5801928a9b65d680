"""What moved a score: parts of the body, moments of the gait cycle, and the most similar simulated walkers."""
