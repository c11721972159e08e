"""`python -m mnnfem` is the command `mnnfem`."""

from mnnfem.cli import main

main()
