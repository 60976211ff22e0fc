"""MTFL in wider squares, in which faces are as large as 300-W's: for what learns from its faces before it sees those.

The rest is that of mtfl.py.
"""

from __future__ import annotations

from dataclasses import replace

from landmarklib.core.types import Recipe
from landmarklib.datasets import mtfl, w300

DATASET = replace(
    mtfl.DATASET,
    name="mtfl_wide",
    title="MTFL, squares as wide as 300-W's",
    assumptions=(
        mtfl.DATASET.assumptions[0],
        "A face is cut out as the square around its five points, 3.6 times as wide as they are, black beyond the "
        "photo: 300-W's recipe, so that the eyes are as far apart as there, 24% of the side on average. That is for "
        "networks that learn from both; thewlis2017 does not say how CelebA's and 300-W's faces are cut.",
        mtfl.DATASET.assumptions[2],
    ),
    recipe=Recipe(margin=w300.DATASET.recipe.margin),
)
