"""Landmark localisation from few labels, settled by running it.

Importing the package costs nothing: no torch, no plotting library. Start at `run.ensure` (compute) or `report` (read).
"""

from __future__ import annotations

__version__ = "0.1.0"
