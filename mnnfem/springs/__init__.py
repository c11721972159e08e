"""Networks of springs that learn from forces and displacements alone."""
