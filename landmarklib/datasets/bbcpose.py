"""BBC Pose (Charles et al. 2013): seven joints of sign language interpreters in twenty videos of television."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from landmarklib.core.dataset import Dataset
from landmarklib.core.errors import UserError, shown
from landmarklib.core.types import Listing, Recipe
from landmarklib.formats import archive, layout, matlab

VIDEOS = {"train": range(1, 11), "val": range(11, 16), "test": range(16, 21)}
N_STRUCTS = 92  # the others are of Extended BBC Pose
N_PER_VIDEO = 1000  # frames read of a training video
FIELDS = ("videoName", "type", "source", "train_frames", "train_joints", "test_frames", "test_joints")


def read(folder: Path) -> dict[str, Listing]:
    """The publisher's videos.

    Training frames have a tracker's joints, those for validation and test are labelled by hand.
    """
    path = folder / "code" / "bbcpose.mat"
    entries = matlab.entries(path, matlab.struct(path, "bbcpose"), FIELDS, "bbcpose")
    if len(entries) < 20:
        raise UserError(f"{path}: bbcpose has {len(entries)} videos; expected at least 20")
    return {split: _split(path, entries, split) for split in VIDEOS}


def _split(path: Path, entries: list[dict], split: str) -> Listing:
    parts = []
    for video in VIDEOS[split]:
        entry, place = entries[video - 1], f"bbcpose({video})"
        if not isinstance(entry["type"], str) or entry["type"] != split:
            raise UserError(f"{path}: {place} has type {shown(entry['type'])}; expected {split}")
        kind = "train" if split == "train" else "test"
        frames, joints = (entry[f"{kind}_{what}"] for what in ("frames", "joints"))
        numbers, points = _frames(path, f"{place}.{kind}", frames, joints)
        if split == "train" and len(numbers) > N_PER_VIDEO:
            chosen = np.linspace(0, len(numbers) - 1, N_PER_VIDEO).astype(int)
            numbers, points = numbers[chosen], points[chosen]
        parts.append((video, numbers, points))
    return _listing(path, parts)


def _frames(
    path: Path, place: str, frames: object, joints: object
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 7 2"]]:
    """Numbers of frames and their joints, counted from 0."""
    numbers, values = np.atleast_1d(np.asarray(frames)), np.asarray(joints)
    whole = numbers.ndim == 1 and numbers.dtype.kind in "iuf" and (np.abs(numbers) < archive.FARTHEST).all()
    if not whole or (numbers != np.round(numbers)).any():
        raise UserError(f"{path}: {place}_frames is no list of whole numbers")
    if (
        values.dtype.kind not in "iuf"
        or values.size != 14 * len(numbers)
        or (values.size and values.shape[:2] != (2, 7))
    ):
        shape = " x ".join(map(str, values.shape))
        raise UserError(
            f"{path}: {place}_joints is {shape}; expected 2 x 7 x {len(numbers)}, one for each of {place}_frames"
        )
    if (np.abs(values[np.isfinite(values)]) >= archive.FARTHEST).any():
        raise UserError(f"{path}: {place}_joints has a joint far out of any photo")
    points = values.astype(float).reshape(2, 7, len(numbers)).transpose(2, 1, 0) - 1
    return numbers.astype(np.int64), points


def _listing(path: Path, parts: list[tuple[int, np.ndarray, np.ndarray]]) -> Listing:
    ids = [f"{video}/{number}" for video, numbers, _ in parts for number in numbers]
    videos = np.array([str(video) for video, numbers, _ in parts for _ in numbers], str)
    points = np.concatenate([points for *_, points in parts])
    visible = np.isfinite(points).all(-1)
    points = np.where(visible[..., None], points, np.nan)
    files = tuple(f"{name}.jpg" for name in ids)
    return layout.listing(files, archive.check_unique(path, ids), points, visible, {"video": videos})


def write_standin(folder: Path, counts: Mapping[str, int], seed: int = 0) -> dict[str, Listing]:
    """Stand-ins in the publisher's layout: every video is one signer in one place, its frames are 12 apart."""
    from landmarklib.drawing import publish
    from landmarklib.standins import bodies

    path, listings, rows = folder / "code" / "bbcpose.mat", {}, {}
    for split, videos in VIDEOS.items():
        sizes = [len(part) for part in np.array_split(np.arange(counts[split]), len(videos))]
        shown = [(video, 12 * np.arange(n) + 1) for video, n in zip(videos, sizes, strict=True)]
        clips = np.repeat(videos, sizes)
        numbers = np.concatenate([frames for _, frames in shown])
        files = [f"{video}/{number}.jpg" for video, number in zip(clips, numbers, strict=True)]
        drawn = publish.photos(folder, files, bodies.draw, 128, seed, 100_000 * videos[0], clip=clips, frame=numbers)
        points = np.split(bodies.seven(drawn.points), np.cumsum(sizes)[:-1])
        parts = [(video, frames, xy) for (video, frames), xy in zip(shown, points, strict=True)]
        listings[split] = _listing(path, parts)
        rows |= {video: _row(split, video, frames, xy) for video, frames, xy in parts}
    others = [_row("train", video, np.zeros(0), np.zeros((0, 7, 2))) for video in range(21, N_STRUCTS + 1)]
    publish.matlab(path, {"bbcpose": publish.structs([*rows.values(), *others])})
    return listings


def _row(split: str, video: int, frames: np.ndarray, points: np.ndarray) -> dict[str, object]:
    given, none = (frames[None].astype(float), points.transpose(2, 1, 0) + 1), (np.zeros((0, 0)), np.zeros((0, 0)))
    train, test = (given, none) if split == "train" else (none, given)
    return dict(
        zip(FIELDS, (f"video{video}", split, "buehler11" if video <= 20 else "extended", *train, *test), strict=True)
    )


DATASET = Dataset(
    name="bbcpose",
    title="BBC Pose",
    landmarks=("head", "right wrist", "left wrist", "right elbow", "left elbow", "right shoulder", "left shoulder"),
    mirror=(0, 2, 1, 4, 3, 6, 5),
    skeleton=((0, 5), (0, 6), (5, 6), (5, 3), (3, 1), (6, 4), (4, 2)),
    counts={"train": 10 * N_PER_VIDEO, "val": 1000, "test": 1000},
    size=128,
    unit="pixels of a crop of 128 x 128",
    tier="paper",
    licence="academic use; the footage is the BBC's",
    obtain="Download bbcpose_data_1.0.zip and bbcpose_extbbcpose_code_1.0.tgz of BBC Pose "
    "(robots.ox.ac.uk/~vgg/data/pose) and unpack them and the archives of the "
    "videos into a folder `bbcpose` below the data root, so that it has the folders 1 to 20 and `code`.",
    citation="Charles et al., BMVC 2013",
    assumptions=(
        "Points are MATLAB's, whose first pixel is 1: 1 is subtracted.",
        "Of each training video 1,000 frames are read, evenly spread, or all if there are fewer: neighbouring frames "
        "are almost the same, and how many the papers use is not said.",
        "Validation and test frames are those labelled by hand in bbcpose.mat, 200 of a video; code/results.mat, the "
        "toolkit's list of the test frames, is not read.",
        "A joint without a number does not count.",
        "rahaman2021 cuts a loose crop and does not say how: here a square around the joints, 1.75 times the longer "
        "side of their box, is cut, which uses labels.",
    ),
    folder="bbcpose",
    read=read,
    write_standin=write_standin,
    recipe=Recipe(around="points", margin=1.75, grey=False),
    near=6 / 128,
    parts={"head": (0,), "wrists": (1, 2), "elbows": (3, 4), "shoulders": (5, 6)},
    layout="code/bbcpose.mat with `bbcpose` 1 x 92, and 1/ to 20/ with <frame>.jpg",
    known_issues=(
        "The joints of the training frames are a tracker's, not a person's.",
        "The first 20 of 92 structs are BBC Pose; the others are Extended BBC Pose.",
        "Left and right are the signer's.",
        "6 pixels is a threshold for crops of 128 x 128; the toolkit applies it to half the size of a frame, which is "
        "something else.",
        "All frames of a video show one signer in front of one camera: no video may be in two splits.",
    ),
)
