"""What every wing rests on: types, coordinates, random numbers, warps, metrics, files.

Only `heatmaps`, `noise`, `warps` and `augmentation` need torch when they are imported.
"""
