"""Landmark localisation from few labels, settled by running it.

Importing the package costs nothing: no torch, no plotting library. Start at `engine.ensure` to compute, at `report` to
read.

Its modules are in wings. A module imports only from its own wing and from those above it in this list:

core: what every wing rests on: types, coordinates, random numbers, warps, metrics, experiments, files.
formats: files as publishers and annotation tools write them.
losses: loss functions, one value per image.
nets: architectures, and the forms in which they are computed.
methods: a network, its losses and its predictions together; one file each.
drawing: how stand-ins are drawn: random numbers, polygons, heads, files as publishers write them.
standins: generated pictures with exact landmarks, for data that nobody may ship.
datasets: what is true of each data set, and the reader of its archive; one file each.
tables: the tables of the papers, a TOML each, and their reader.
loading: data sets as arrays, whether generated, cut from photos or taken from a bundle; downloads and checks.
records: what came out of runs, kept in files, and what is asked of it; benchmarks.
training: one run or a pack of runs, from experiment to record.
engine: many runs: which are missing, in which order and processes; golden runs.
report: numbers, claims and figures as readers see them.
pages: the pages of the book, and the notebooks behind them.
commands: what the command line does.
"""

from __future__ import annotations

__version__ = "0.1.0"
