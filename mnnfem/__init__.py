"""mnnfem: co-design of soft cellular solids and the neural networks that drive them.

Units throughout: mm, N, MPa; hence stress in MPa and energy in mJ (N mm). Plane problems are per mm
of thickness. Angles are in radians unless a name says degrees.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

__version__ = "0.1.0"

if find_spec("dolfinx") is None:
    missing = (
        "mnnfem needs dolfinx >= 0.9, which this Python does not have and pip cannot give: prefix the command with ./run, "
        "which builds the environment, or use conda (environment.yml), Debian >= 13 (apt install python3-dolfinx-real) or "
        "the container dolfinx/dolfinx."
    )
    if Path(sys.argv[0]).name in ("mnnfem", "-m"):  # the command answers in a sentence, a library in an exception
        sys.exit(missing)
    raise ImportError(missing)
