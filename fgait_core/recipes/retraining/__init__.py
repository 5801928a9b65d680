"""Retraining: fitting a candidate to confirmed outcomes, and judging it on locked people."""
