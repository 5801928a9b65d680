"""Simulated data sets: who is in them, which recordings are made, how they are written, and SimGait."""
