"""The clinic's screens and services: the only package where engine, clinic data and reports meet."""
