"""Bodies: a bank of them that travels with the package, their skeleton and mesh, and how people grow."""
