"""UT Zappos50K (Yu and Grauman 2014): shoes of a catalogue, on white and from the side, without landmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from landmarklib.core import subsets
from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout

IMAGES, SIDE = "ut-zap50k-images-square", 136
CATEGORIES = ("Boots", "Sandals", "Shoes", "Slippers")
N, N_VALIDATION, N_TEST, SEED = 50_025, 500, 500, 0
# Of stand-ins.
KINDS = (
    ("Ankle", "Knee High", "Mid-Calf"),
    ("Flat", "Heel"),
    ("Clogs and Mules", "Oxfords", "Sneakers and Athletic Shoes"),
    ("Slipper Flats",),
)
BRANDS = ("Alder & Sons", "b.o.w.", "L'Avenue", "Nord 60%", "Übermut", "Two  Blanks (Kids)")


def read(folder: Path) -> dict[str, Listing]:
    """All images in three parts that share no product. There are no points."""
    root = folder / IMAGES
    with archive.reading(root, "cannot be listed"):
        next(root.iterdir(), None)
    shown = ((place.relative_to(root), layout.names(place, ".jpg")) for place, _ in layout.walk(root))
    files = sorted((place / name).as_posix() for place, found in shown for name in found)
    if not files:
        raise UserError(f"{root}: no .jpg file; the archive is half unpacked")
    for name in files:
        if name.count("/") != 3 or name.partition("/")[0] not in CATEGORIES:
            expected = "CATEGORY/SUBCATEGORY/BRAND/PRODUCT.COLOUR.jpg of Boots, Sandals, Shoes and Slippers"
            raise UserError(f"{root}: {name!r}; expected {expected}")
        if not name.isascii() and not name.isprintable():
            raise UserError(f"{root}: {name!r} is no text; unpack the archive so that names are in UTF-8")
    return _listings(files)


def _listings(names: Sequence[str]) -> dict[str, Listing]:
    """The three parts of images with these names below the folder of images."""
    n, parts = len(names), [name.split("/") for name in names]
    categories, kinds, brands = (np.array([part[k] for part in parts], str) for k in range(3))
    products = np.array([part[3].partition(".")[0] for part in parts], str)
    attributes = {"category": np.array([CATEGORIES.index(c) for c in categories], np.int64)}
    whole = layout.listing(
        [f"{IMAGES}/{name}" for name in names],
        names,
        attributes=attributes | {"subcategory": kinds, "brand": brands, "product": products},
        boxes=np.tile([0.0, 0.0, SIDE, SIDE], (n, 1)),
    )
    val = subsets.held_out(products.tolist(), n * N_VALIDATION // N, SEED)
    test = np.zeros_like(val)
    test[~val] = subsets.held_out(products[~val].tolist(), n * N_TEST // N, SEED)
    parts = {"train": ~val & ~test, "val": val, "test": test}
    return {split: whole[np.flatnonzero(chosen)] for split, chosen in parts.items()}


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the publisher's layout; every other product has two colours.

    The parts are those of the reader's rule.
    """
    from landmarklib.drawing import publish
    from landmarklib.standins import shoes

    places = range(sum(counts.values()))
    products = [i // 3 * 2 + i % 3 // 2 for i in places]
    names = []
    for i, product in zip(places, products, strict=True):
        category, kinds = CATEGORIES[product % 4], KINDS[product % 4]
        brand = BRANDS[product % 5 if product % 7 else 5]
        names.append(f"{category}/{kinds[product % len(kinds)]}/{brand}/{7000000 + product}.{100 + i}.jpg")
    looks = {"category": np.array(products) % 4}
    publish.photos(folder / IMAGES, names, shoes.draw, SIDE, seed, **looks)
    return _listings(sorted(names))


DATASET = Dataset(
    name="zappos",
    title="UT Zappos50K",
    landmarks=(),
    mirror=(),
    skeleton=(),
    counts={"train": N - N_VALIDATION - N_TEST, "val": N_VALIDATION, "test": N_TEST},
    size=94,
    unit="none: there are no landmarks",
    tier="paper",
    licence="academic, non-commercial use only; the images are Zappos.com's",
    obtain=f"Download {IMAGES}.zip from the authors' page (vision.cs.utexas.edu/projects/finegrained/utzap50k) and "
    f"unpack it into a folder `zappos` below the data root.",
    citation="Yu and Grauman, CVPR 2014",
    assumptions=(
        "The images are those padded to 136 x 136 pixels; the whole image is the shoe's box.",
        "thewlis2017 keeps 500 images for validation and does not say which: here those of whole products, in the "
        "order of a hash of their numbers, until they are 500, and the next 500 are test images, which it has none of. "
        "A part of the archive is split by the same shares.",
        "The product is the number before the first dot of a file's name; the second number tells its colours apart.",
        "The image is made 64 x 64, with 15 white pixels around it, as thewlis2017 does.",
    ),
    folder="zappos",
    recipe=Recipe("box", 94 / 64, grey=False, white=True),
    read=read,
    write_standin=write_standin,
    attributes={"category": len(CATEGORIES)},
    layout=f"{IMAGES}/CATEGORY/SUBCATEGORY/BRAND/PRODUCT.COLOUR.jpg",
    known_issues=(
        "There are no landmarks, and no list: the folders say what an image shows.",
        "Names of folders have blanks, apostrophes, percent signs and letters that are not English.",
        "Colours of one product are separate images that look alike: a split by image leaks.",
        "The archive that is not square has the same names and images of 136 x 102 pixels.",
    ),
)
