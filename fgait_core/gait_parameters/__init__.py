"""What can be measured of a walk beside its scores: gait events, times, lengths, angles, symmetry and variability."""
