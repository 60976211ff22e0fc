"""Landmark localisation from few labels, settled by running it.

Importing the package costs nothing: no torch, no plotting library. Start at `run.ensure` (compute) or `report` (read).
"""

__version__ = "0.1.0"
