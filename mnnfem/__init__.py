"""mnnfem: co-design of soft cellular solids and the neural networks that drive them.

Units throughout: mm, N, MPa; hence stress in MPa and energy in mJ (N mm). Plane problems are per mm
of thickness. Angles are in radians unless a name says degrees.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

__version__ = "0.1.0"
ALONE = "mnnfem.metapde.train"  # the one program that needs torch alone: it runs on machines that have no more


def unusable(sentence: str) -> NoReturn:
    """End a program of ours with a sentence and code 1; a library, whose user may catch it, with ImportError."""
    program = Path(sys.argv[0])
    if program.name in ("mnnfem", "-m") or program.resolve().parent == Path(__file__).resolve().parents[1] / "workflows":
        sys.exit(sentence)
    raise ImportError(sentence)


if find_spec("dolfinx") is None and ALONE not in sys.orig_argv:
    unusable(
        "mnnfem needs dolfinx >= 0.9, which this Python does not have and pip cannot give: prefix the command with ./run, "
        "which builds the environment, or use conda (environment.yml), Debian >= 13 (apt install python3-dolfinx-real) or "
        "the container dolfinx/dolfinx."
    )
