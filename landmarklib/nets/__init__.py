"""Architectures, one file per family. A net is written for one run, draws its weights from a given generator, keeps no global state."""

from __future__ import annotations
