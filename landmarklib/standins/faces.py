"""Faces: 68 points of a head in iBUG's order, seen from any side, with expressions, glasses and lights.

`draw(n, size, seed)` gives images and points, `regions` the label maps of the same images (HELEN's eleven classes),
`five` and `nineteen` fewer points. Attributes that are given, each with n values, are fixed; the others are drawn:

person (any number; looks are seeded by it), gender (0 male, 1 female), expression (0 to 5, `EXPRESSIONS`), smile (1:
expression 1), glasses (1: worn), hand (1: one hides a part), camera (0 to 4, from -30 to 30 degrees of yaw, a little
off), pose (0 looks to the left of the image, .. 2 to the front, .. 4 to the right), yaw, pitch, roll (radians;
positive: right, down, clockwise), light (0 to 18: a flash from -90 to 90 degrees), azimuth and elevation of the light
(degrees), ambient (how bright a face is where no light falls, from 0 to 1), scale (half a face's width) and x, y (where
the head's middle lies) as shares of the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

from landmarklib.core.errors import UserError
from landmarklib.core.types import Annotations
from landmarklib.drawing import collect, generator, heads, paint, tick

EXPRESSIONS = tuple(heads.EXPRESSIONS)
SMILE = EXPRESSIONS.index("smile")
CAMERAS = np.radians([-30, -15, 0, 15, 30])
POSES = np.radians([-65, -40, -12, 12, 40, 65])  # between these yaws
POSE_SHARES, EXPRESSION_SHARES = np.array([0.06, 0.19, 0.5, 0.19, 0.06]), np.array([0.4, 0.3, 0.1, 0.08, 0.06, 0.06])
OTHER_SHARES = EXPRESSION_SHARES * (np.arange(6) != SMILE) / (1 - EXPRESSION_SHARES[SMILE])
FLASHES = np.arange(-90, 91, 10)
PERSONS, HAND_SHARE = 1000, 0.1
IMAGE, PERSON, FACE, PAINT = range(4)  # first numbers of the generators
INTEGERS = ("person", "gender", "expression", "smile", "glasses", "hand", "camera", "pose", "light")
REALS = ("yaw", "pitch", "roll", "azimuth", "elevation", "ambient", "scale", "x", "y")
CLASSES = (
    *("background", "skin", "left brow", "right brow", "left eye", "right eye", "nose"),
    *("upper lip", "inner mouth", "lower lip", "hair"),
)
# Other painted parts, by the class they count as.
COUNTED = {"beard": "skin", "teeth": "inner mouth", "neck": "background", "clothes": "background", "ear": "background"}
Row = Mapping[str, float | int | np.number]  # attribute -> value, of one image
Looks = Mapping[str, object]  # of a person
SKINS = ((240, 208, 184), (224, 180, 148), (194, 142, 108), (142, 98, 70), (98, 68, 50))
HAIRS = ((28, 22, 20), (60, 40, 26), (112, 76, 44), (196, 160, 96), (150, 146, 142), (120, 48, 24))
IRISES = ((70, 45, 25), (60, 90, 130), (70, 100, 60), (40, 30, 25))


def draw(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Annotations:
    """n faces from number `first` on. A point is visible where it is in the image and the head does not hide it."""

    def one(number: int, fixed: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict]:
        row = _row(seed, number, fixed)
        points = _points(row, size, seed, number)
        image, points = _paint(points, row, size, seed, number), points[: heads.N_POINTS]
        inside = ((points >= -0.5) & (points <= size - 0.5)).all(-1)
        return image, points, inside & heads.seen(row["yaw"]), row

    drawn = collect("face", max(n, 1), first, given if n else {}, (*INTEGERS, *REALS), one)
    if n:
        return drawn
    none = {name: values[:0] for name, values in drawn.attributes.items()}
    return Annotations(drawn.images[:0], drawn.points[:0], drawn.visible[:0], (), none)


def regions(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> UInt8[np.ndarray, "n S S"]:
    """The class of each pixel (`CLASSES`) of the images that `draw` gives for the same arguments.

    Glasses and hands are looked through.
    """
    maps = np.zeros((n, size, size), np.uint8)
    for i, (points, looks) in enumerate(curves(n, size, seed, first, **given)):
        canvas = paint.Canvas(np.zeros((size, size, 3), np.uint8), 1)
        for name, shape in _shapes(points, looks):
            canvas.polygon(shape, np.full(3, float(CLASSES.index(COUNTED.get(name, name)))))
        maps[i] = np.asarray(canvas.image)[..., 0]
        tick()
    return maps


def curves(n: int, size: int, seed: int = 0, first: int = 0, **given: object) -> Iterator[tuple[np.ndarray, Looks]]:
    """All points of the heads that `draw` gives for the same arguments, and the looks of their persons.

    Points are in pixels and in the order of `heads.PART`.
    """
    for i in range(n):
        row = _row(seed, first + i, {name: values[i] for name, values in given.items()})
        yield _points(row, size, seed, first + i), _looks(seed, row["person"], row["gender"])


def five(points: Float[np.ndarray, "N 68 2"]) -> Float[np.ndarray, "N 5 2"]:
    """Middles of the eyes, tip of the nose, corners of the mouth; left first, as seen."""
    left, right = points[:, 36:42].mean(1), points[:, 42:48].mean(1)
    return np.stack([left, right, points[:, 30], points[:, 48], points[:, 54]], 1)


def nineteen(points: Float[np.ndarray, "N 68 2"]) -> Float[np.ndarray, "N 19 2"]:
    """AFLW's points without the ears: three of each brow and eye, then nose, mouth and chin; left first, as seen."""
    middles = [points[:, 36:42].mean(1), points[:, 42:48].mean(1), points[:, [62, 66]].mean(1)]
    every = np.concatenate([points, np.stack(middles, 1)], 1)
    return every[:, [17, 19, 21, 22, 24, 26, 36, 68, 39, 42, 69, 45, 31, 30, 35, 48, 70, 54, 8]]


def _row(seed: int, number: int, given: Row) -> Row:
    """All attributes of an image.

    Everything is drawn, whatever is given, so that what is given changes nothing else.
    """
    rng = generator(seed, IMAGE, number)
    row = {
        "person": rng.integers(PERSONS),
        "expression": rng.choice(6, p=EXPRESSION_SHARES),
        "glasses": rng.random() < 0.2,
        "hand": rng.random() < HAND_SHARE,
        "pose": rng.choice(5, p=POSE_SHARES),
        "pitch": np.clip(rng.normal(0, 0.12), -0.35, 0.35),
        "roll": np.clip(rng.normal(0, 0.17), -0.5, 0.5),
        "azimuth": rng.uniform(-70, 70),
        "elevation": rng.uniform(-10, 50),
        "ambient": rng.uniform(0.35, 0.7),
        "scale": rng.uniform(0.19, 0.26),
        "x": rng.uniform(0.42, 0.58),
        "y": rng.uniform(0.43, 0.55),
    }
    other, within, off = rng.choice(6, p=OTHER_SHARES), rng.random(), np.clip(rng.normal(0, 0.05), -0.12, 0.12)
    row |= given
    if "gender" not in given:
        row["gender"] = generator(seed, PERSON, int(row["person"]), 0).integers(2)
    if "expression" not in given and "smile" in given:
        row["expression"] = SMILE if given["smile"] else other
    row["smile"] = row["expression"] == SMILE
    if given.get("smile", row["smile"]) != row["smile"]:
        raise UserError(f"faces: image {number} has smile {given['smile']} and expression {row['expression']}")
    if "yaw" not in given:
        low, high = POSES[int(row["pose"])], POSES[int(row["pose"]) + 1]
        row["yaw"] = CAMERAS[int(given["camera"])] + off if "camera" in given else low + (high - low) * within
    row["camera"] = given.get("camera", np.abs(CAMERAS - row["yaw"]).argmin())
    row["pose"] = given.get("pose", np.searchsorted(POSES[1:-1], row["yaw"]))
    if "light" in given and "azimuth" not in given:
        row["azimuth"] = FLASHES[int(given["light"])]
    row["light"] = given.get("light", np.abs(FLASHES - row["azimuth"]).argmin())
    return {name: int(row[name]) for name in INTEGERS} | {name: float(row[name]) for name in REALS}


@lru_cache(maxsize=4096)
def _looks(seed: int, person: int, gender: int) -> Looks:
    """What stays the same in all images of a person: the head's shape, colours, hair."""
    rng = generator(seed, PERSON, person, 1)
    return {
        "head": heads.person(rng, gender == 1),
        "skin": np.array(SKINS[rng.integers(len(SKINS))]) * rng.uniform(0.92, 1.06) + rng.normal(0, 3, 3),
        "hair": np.array(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.8, 1.2),
        "iris": np.array(IRISES[rng.integers(len(IRISES))], float),
        "clothes": rng.uniform(20, 230, 3),
        "lips": rng.uniform(0.1, 0.35) + 0.35 * gender,  # how red
        "brows": rng.uniform(0.05, 0.1) - 0.02 * gender,
        "fringe": rng.uniform(-0.1, 0.35, 2),  # how deep the hair hangs, left and right
        "long": rng.random() < (0.8 if gender else 0.08),
        "bald": rng.random() < (0.0 if gender else 0.15),
        "beard": rng.random() < (0.0 if gender else 0.3),
    }


def _points(row: Row, size: int, seed: int, number: int) -> Float[np.ndarray, "M 2"]:
    """All points of the head, in pixels."""
    head = _looks(seed, row["person"], row["gender"])["head"]
    head = heads.expressed(head, row["expression"], generator(seed, FACE, number))
    flat = heads.view(head, row["yaw"], row["pitch"], row["roll"])
    return (flat * row["scale"] + [row["x"], row["y"]]) * size - 0.5


def _shapes(p: Float[np.ndarray, "M 2"], looks: Looks) -> Iterator[tuple[str, Float[np.ndarray, "V 2"]]]:
    """The filled parts from the back to the front, which give the pixels and their classes."""
    part = {name: p[place] for name, place in heads.PART.items()}
    if not looks["bald"]:
        behind = part["back hair"] if looks["long"] else np.concatenate([part["crown"], part["jaw"][[14, 2]]])
        yield "hair", paint.smooth(behind)
    yield "neck", part["neck"]
    yield "clothes", paint.smooth(part["shoulders"])
    yield "ear", paint.smooth(part["left ear"])
    yield "ear", paint.smooth(part["right ear"])
    yield "skin", paint.smooth(np.concatenate([part["jaw"], part["forehead"][-2:0:-1]]))
    if looks["beard"]:
        cheeks = p[[54, 35, 33, 31, 48]] + (p[[13, 13, 33, 3, 3]] - p[[54, 35, 33, 31, 48]]) * 0.3
        yield "beard", paint.smooth(np.concatenate([p[3:14], cheeks]))
    if not looks["bald"]:
        yield "hair", paint.smooth(np.concatenate([part["crown"], hairline(p, looks)[::-1]]))
    for side in ("left", "right"):
        top, bottom = brow(p, side, looks)
        yield f"{side} brow", np.concatenate([top, bottom[::-1]])
        yield f"{side} eye", paint.smooth(part[f"{side} eye"])
    yield "nose", paint.smooth(p[[27, 29, 31, 32, 33, 34, 35, 29]])
    yield "inner mouth", p[60:68]
    yield "teeth", np.concatenate([p[60:65], (p[60:65] * 0.55 + p[[60, 67, 66, 65, 64]] * 0.45)[::-1]])
    yield "upper lip", np.concatenate([paint.smooth(p[48:55], closed=False), p[64:59:-1]])
    yield (
        "lower lip",
        np.concatenate([paint.smooth(p[[54, 55, 56, 57, 58, 59, 48]], closed=False), p[[60, 67, 66, 65, 64]]]),
    )


def _paint(p: Float[np.ndarray, "M 2"], row: Row, size: int, seed: int, number: int) -> UInt8[np.ndarray, "3 S S"]:
    rng, looks, unit = generator(seed, PAINT, number), _looks(seed, row["person"], row["gender"]), row["scale"] * size
    skin, hair, white = looks["skin"], looks["hair"], np.array([236.0, 232, 228])
    lip = skin * 0.85 + (np.array([190, 60, 70]) - skin * 0.85) * looks["lips"]
    colours = {
        "skin": skin,
        "nose": skin * 0.95,
        "ear": skin * 0.86,
        "neck": skin * 0.78,
        "hair": hair,
        "clothes": looks["clothes"],
    }
    colours |= {"beard": skin * 0.4 + hair * 0.6, "left brow": hair * 0.75, "right brow": hair * 0.75}
    colours |= {"left eye": white, "right eye": white, "teeth": white, "inner mouth": np.array([70.0, 22, 24])}
    colours |= {"upper lip": lip * 0.9, "lower lip": lip}
    canvas = paint.Canvas(paint.backdrop(rng, size, 40.0))
    for name, shape in _shapes(p, looks):
        canvas.polygon(shape, colours[name])
        if name.endswith("eye"):
            _iris(canvas, p[heads.PART[name]], looks["iris"], unit)
    away = p[29:31] + (p[35 if row["azimuth"] < 0 else 31] - p[33]) * 0.4
    canvas.stroke(np.concatenate([p[27:28], away]), 0.05 * unit, skin * (0.9 - abs(row["azimuth"]) / 400))
    for nostril in p[[32, 34]]:
        canvas.oval(nostril, (0.06 * unit, 0.03 * unit), skin * 0.4)
    if row["glasses"]:
        _glasses(canvas, p, unit, rng.uniform(10, 80, 3))
    if row["hand"]:
        _hand(canvas, p[rng.integers(17)], unit, skin * rng.uniform(0.85, 1), rng)
    _shade(canvas, p, row, unit)
    return canvas.pixels(rng)


def hairline(p: Float[np.ndarray, "M 2"], looks: Looks) -> Float[np.ndarray, "N 2"]:
    """Where the hair ends on the forehead, from the left."""
    line = p[heads.PART["forehead"]]
    depth = np.linspace(*looks["fringe"], len(line)) * np.sin(np.linspace(0.3, np.pi - 0.3, len(line)))
    return line + (p[27] - line) * depth[:, None]


def brow(
    p: Float[np.ndarray, "M 2"], side: str, looks: Looks
) -> tuple[Float[np.ndarray, "25 2"], Float[np.ndarray, "25 2"]]:
    """Upper and lower edge of a brow, from the left."""
    line = paint.smooth(p[heads.PART[f"{side} brow"]], closed=False)
    half = np.sin(np.linspace(0.4, np.pi - 0.4, len(line)))[:, None] * (p[33] - p[27]) * looks["brows"]
    return line - half, line + half


def iris(eye: Float[np.ndarray, "6 2"]) -> tuple[float, float]:
    """Half width and half height of the iris around the middle of an eye's points."""
    half, opening = np.linalg.norm(eye[3] - eye[0]) / 2, np.linalg.norm(eye[1] + eye[2] - eye[4] - eye[5]) / 4
    return float(half * 0.5), float(min(half * 0.5, opening))


def _iris(canvas: paint.Canvas, eye: Float[np.ndarray, "6 2"], colour: np.ndarray, unit: float) -> None:
    a, b = iris(eye)
    canvas.oval(eye.mean(0), (a, b), colour)
    canvas.oval(eye.mean(0), (a * 0.45, b * 0.45), colour * 0.25)
    canvas.stroke(eye[:4], 0.04 * unit, np.array([30.0, 20, 18]), curved=True)


def _glasses(canvas: paint.Canvas, p: Float[np.ndarray, "M 2"], unit: float, colour: np.ndarray) -> None:
    left, right = (p[heads.PART[f"{side} rim"]] for side in ("left", "right"))
    for rim in (left, right):
        whole = paint.smooth(rim)
        canvas.stroke(np.concatenate([whole, whole[:1]]), 0.06 * unit, colour)
    canvas.stroke(np.stack([left[3], right[3]]), 0.06 * unit, colour)


def _hand(
    canvas: paint.Canvas, place: Float[np.ndarray, " 2"], unit: float, skin: np.ndarray, rng: np.random.Generator
) -> None:
    """A hand, and the arm that it comes with, in front of a part of the face."""
    elbow = place + np.array([rng.uniform(-1, 1), 3]) * unit
    canvas.taper(elbow, place, (0.5 * unit, 0.4 * unit), skin * 0.9)
    for angle in np.linspace(-0.5, 0.5, 4) + rng.uniform(-2.2, -0.9):
        tip = place + np.array([np.cos(angle), np.sin(angle)]) * 0.55 * unit
        canvas.taper(place, tip, (0.25 * unit, 0.13 * unit), skin)


def _shade(canvas: paint.Canvas, p: Float[np.ndarray, "M 2"], row: Row, unit: float) -> None:
    """Darken what the light does not reach, as if the head were a ball in front of a wall."""
    from PIL import Image, ImageChops

    azimuth, elevation, cells = math.radians(row["azimuth"]), math.radians(row["elevation"]), 24
    centre = p[: heads.N_POINTS].mean(0) + 0.5
    grid = (np.arange(cells) + 0.5) / cells * canvas.size
    u, v = (grid - centre[0]) / (1.15 * unit), (grid - centre[1]) / (1.6 * unit)
    u, v = np.broadcast_arrays(u[None, :], v[:, None])
    radius = np.maximum(np.hypot(u, v) / 0.97, 1)
    u, v = u / radius, v / radius
    light = np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation)
    lit = np.clip(1.2 * (u * light[0] + v * light[1] + np.sqrt(1 - u**2 - v**2) * light[2]), 0, 1)
    shade = Image.fromarray(np.uint8(255 * (row["ambient"] + (1 - row["ambient"]) * lit)))
    shade = shade.resize(canvas.image.size, Image.Resampling.BILINEAR)
    canvas.image = ImageChops.multiply(canvas.image, Image.merge("RGB", [shade] * 3))
