"""Measures: discrimination with intervals, calibration, conformal sets, retrieval distances."""
