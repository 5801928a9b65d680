"""What benchmarks share: ways that take turns, and the tables and files of what came out."""
