"""Simulated walkers: bodies, gait, conditions, outfit and picture, down to aligned silhouettes; data sets and films.

Everything made here is simulated. It shows that the software works; it is never evidence of clinical validity.
"""
