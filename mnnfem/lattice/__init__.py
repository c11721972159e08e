"""Beam lattices in the plane: graphs with widths, as polygons."""
