"""mnnfem: co-design of soft cellular solids and the neural networks that drive them.

Units throughout: mm, N, MPa; hence stress in MPa and energy in mJ (N mm). Plane problems are per mm
of thickness. Angles are in radians unless a name says degrees.
"""

__version__ = "0.1.0"
