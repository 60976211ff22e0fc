"""Photos that are missing or cannot be read: their images are left out, and too many of them are refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmarklib import loading
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import Crop, Listing, Recipe
from landmarklib.formats import archive
from landmarklib.loading import bundle, bundling, crops, cutting, photos, tiers

N, CROP = 100, Crop(6)
FILES = tuple(f"train/{i:03d}.png" for i in range(N))


def read(folder: Path) -> dict[str, Listing]:
    """A list that does not know which photos are there."""

    def listing(files: tuple[str, ...]) -> Listing:
        n = len(files)
        boxes = np.tile([0.0, 0, 8, 8], (n, 1))
        return Listing(files, np.full((n, 1, 2), 3.0), np.ones((n, 1), bool), files, {"x": np.arange(n)}, boxes)

    return {"train": listing(FILES), "test": listing(("test/a.png", "test/b.png"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive of small photos of noise."""
    root = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    for file in (*FILES, "test/a.png", "test/b.png"):
        (root / "little" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(root / "little" / file)
    return root


@pytest.fixture
def little(whole, tmp_path, monkeypatch):
    """The data set with a copy of that archive."""
    for name in ("train", "test"):
        (tmp_path / "little" / name).mkdir(parents=True)
    for file in (*FILES, "test/a.png", "test/b.png"):
        os.link(whole / "little" / file, tmp_path / "little" / file)
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path))
    monkeypatch.delenv("LANDMARKLIB_MISSING", raising=False)
    photos.tell.cache_clear()
    known = loading.get("mtfl")
    return replace(
        known,
        name="little",
        folder="little",
        read=read,
        recipe=Recipe("box", 1.0),
        counts={"train": N, "test": 2},
        normalizer=None,
        landmarks=("p",),
        write_standin=None,
    )


def lose(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    content = path.read_bytes()[:40]
    path.unlink()  # the other name of the file stays whole
    path.write_bytes(content)


@pytest.mark.parametrize(("harm", "fault"), [(lose, "missing"), (damage, "not an image that can be decoded")])
def test_the_image_of_one_photo_of_a_hundred_is_left_out(little, tmp_path, capsys, harm, fault):
    before = crops.load(little, "train", CROP)
    harm(tmp_path / "little" / FILES[7])
    after = crops.load(little, "train", CROP)
    rest = [i for i in range(N) if i != 7]
    assert after.ids == tuple(before.ids[i] for i in rest) and after.attributes["x"].tolist() == rest
    assert np.array_equal(after.images, before.images[rest]) and len(after.points) == len(after.visible) == N - 1
    crops.load(little, "train", CROP)
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if "left out" in line]) == 1
    assert f"little: train: 1 of 100 images has no photo that can be read ({FILES[7]}: {fault}" in "\n".join(said)


@pytest.mark.parametrize("harm", [lose, damage])
def test_more_than_the_share_are_refused_and_another_split_is_not(little, tmp_path, monkeypatch, harm):
    for i in (3, 50):
        harm(tmp_path / "little" / FILES[i])
    refusal = (
        r"little: train: 2 of 100 images have no photo .*003.png: .*050.png: .*; at most 1% of a split may be left"
    )
    with pytest.raises(UserError, match=refusal):
        crops.load(little, "train", CROP)
    assert not [path for path in (tmp_path / "prepared").glob("*") if path.suffix != ".lock"]
    assert len(crops.load(little, "test", CROP)) == 2
    monkeypatch.setenv("LANDMARKLIB_MISSING", "0.02")
    assert len(crops.load(little, "train", CROP)) == N - 2


def test_missing_and_unreadable_photos_count_together(little, tmp_path):
    lose(tmp_path / "little" / FILES[3])
    damage(tmp_path / "little" / FILES[50])
    with pytest.raises(UserError, match=r"2 of 100 images .*003.png: missing; .*050.png: not an image"):
        crops.load(little, "train", CROP)


def test_the_others_are_not_read_again_to_find_the_unreadable(little, tmp_path, monkeypatch):
    damage(tmp_path / "little" / FILES[7])
    first, asked, decode = crops.load(little, "train", CROP), [], archive.image

    def counted(path, grey=False):
        asked.append(path.name)
        return decode(path, grey)

    monkeypatch.setattr(archive, "image", counted)
    assert np.array_equal(crops.load(little, "train", CROP).images, first.images) and asked == ["007.png"]


@pytest.mark.parametrize("kept", [f'["{FILES[7]}"]', '["another.png"]', "{", "7", "[" * 100_000])
def test_a_photo_that_can_be_read_by_now_counts(little, tmp_path, kept):
    crops.load(little, "train", CROP)
    (made,) = (tmp_path / "prepared").glob("*.npy")
    made.unlink()
    made.with_suffix(".json").write_text(kept)
    assert len(crops.load(little, "train", CROP)) == N and made.is_file()


def test_a_whole_set_has_the_prepared_files_that_it_always_had(tmp_path):
    """The fingerprint of a file of crops from before photos could be left out."""
    listing = read(tmp_path)["test"]
    for file in listing.files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"12345")
        os.utime(tmp_path / file, ns=(7, 7))
    dataset = replace(loading.get("mtfl"), recipe=Recipe("box", 1.0))
    assert crops.fingerprint(dataset, photos.present(tmp_path, "test", listing), CROP) == "495054e28957bd21"


def test_a_name_that_leaves_the_folder_is_not_a_missing_photo(little, tmp_path):
    files = (*FILES[:-1], "../secret.png")
    listed = replace(little, read=lambda folder: {"train": replace(read(folder)["train"], files=files)})
    for _ in range(2):
        with pytest.raises(UserError, match=r"'\.\./secret\.png' leaves the data set's folder"):
            crops.load(listed, "train", CROP)
        (tmp_path / "secret.png").write_bytes((tmp_path / "little" / FILES[0]).read_bytes())


def test_a_square_that_cannot_be_cut_is_no_unreadable_photo(little, monkeypatch):
    def cut(image, square, size, white):
        raise UserError("what is cut lies far out of its photo")

    monkeypatch.setattr(cutting, "cut", cut)
    with pytest.raises(UserError, match=r"000\.png: what is cut lies far out of its photo$"):
        crops.load(little, "train", CROP)


def test_too_many_are_refused_before_anything_is_computed(little, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "get", lambda name: little)
    wanted = {"little": [bundle.Part("train", CROP), bundle.Part("val", CROP)]}
    monkeypatch.setattr(bundling, "asked_for", lambda experiments: wanted)
    lose(tmp_path / "little" / FILES[3])
    bundling.check([])
    lose(tmp_path / "little" / FILES[4])
    with pytest.raises(UserError, match="train: 2 of 100 images have no photo"):
        bundling.check([])


def test_a_set_with_few_photos_left_out_is_still_the_papers(little, tmp_path, monkeypatch):
    lose(tmp_path / "little" / FILES[3])
    assert tiers.choose(little, None).name == "little"
    counts = {"train": N - 1, "test": 2}
    monkeypatch.setattr(tiers, "bundled", lambda dataset, root=None: tmp_path)
    monkeypatch.setattr(bundle, "about", lambda path: {"counts": counts})
    assert tiers.choose(little, None).name == "little"
    counts["train"] -= 1
    with pytest.raises(DataMissing):
        tiers.choose(little, None)


@pytest.mark.parametrize("text", ["1", "-0.1", "nan", "5%", "many"])
def test_a_share_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("LANDMARKLIB_MISSING", text)
    with pytest.raises(
        UserError, match=f"LANDMARKLIB_MISSING or --missing: '{text}'; expected a share from 0 to below 1"
    ):
        photos.share()
    assert photos.share(0.5) == 0.5


def test_a_share_counts_images_and_rounding_does_not(monkeypatch):
    assert photos.enough(990, 1000, 0.01) and not photos.enough(989, 1000, 0.01)
    assert photos.enough(71, 100, 0.29) and photos.enough(0, 0, 0.0)
