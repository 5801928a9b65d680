"""Simulated walkers: bodies, motion, conditions, clothing and camera, down to aligned silhouettes.

Everything made here is simulated. It shows that the software works; it is never evidence of clinical validity.
"""
