"""Architectures, one file per family.

A network is written for one run, draws its first weights from a given generator and keeps no global state.
"""

from __future__ import annotations
