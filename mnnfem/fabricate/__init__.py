"""From a simulated body to files that a printer takes."""
