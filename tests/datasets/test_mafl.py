"""The reader of MAFL, on a small CelebA in its layout and, as far as they are there, on the real lists."""

from __future__ import annotations

import pytest
from readers import draw, read, real

from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.datasets import celeba, mafl
from landmarklib.formats import archive as files
from landmarklib.loading import inspection

N = 9
TRAINING = [8, 2, 5, 6, 1, 4]  # 1 to 3 are in CelebA's train, 4 to 6 in its val, 7 to 9 in its test
PARTITION = "".join(f"{i}.jpg {(i - 1) // 3}\r\n" for i in range(1, N + 1))


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """Nine images of CelebA; six are for training and two for test. One validation image."""
    monkeypatch.setattr(mafl, "N_VALIDATION", 1)
    for name in ("Anno", "Eval", "MAFL"):
        (tmp_path / name).mkdir()
    rows = "".join(f"{i}.jpg {i} 2 3 4 5 6 7 8 9 10\n" for i in range(1, N + 1))
    (tmp_path / "Anno" / "list_landmarks_align_celeba.txt").write_text(f"{N}\n{celeba.COLUMNS}\n{rows}")
    (tmp_path / "Eval" / "list_eval_partition.txt").write_bytes(PARTITION.encode())
    (tmp_path / "MAFL" / "training.txt").write_text("\n".join(f"{i}.jpg" for i in TRAINING))
    (tmp_path / "MAFL" / "testing.txt").write_text("9.jpg\n3.jpg")
    for i in range(1, N + 1):
        draw(tmp_path / "Img" / "img_align_celeba" / f"{i}.jpg", 20, 20, seed=i)
    return tmp_path


def test_validation_images_are_in_celebas_val_and_the_order_is_kept(archive):
    splits = read("mafl", archive)
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 5, "val": 1, "test": 2}
    assert splits["test"].ids == ("9.jpg", "3.jpg")
    assert splits["val"].ids[0] in ("4.jpg", "5.jpg", "6.jpg")
    assert splits["train"].ids == tuple(f"{i}.jpg" for i in TRAINING if (f"{i}.jpg",) != splits["val"].ids)
    assert splits["test"].points[:, :, 0].tolist() == [[9, 3, 5, 7, 9], [3, 3, 5, 7, 9]]
    assert splits["test"].files == ("Img/img_align_celeba/9.jpg", "Img/img_align_celeba/3.jpg")


def test_validation_and_test_images_are_not_trained_on_by_celeba(archive):
    splits, everything = read("mafl", archive), read("celeba", archive)
    assert not set(everything["train"].ids) & {*splits["val"].ids, *splits["test"].ids}


def test_the_check_decodes_every_image(archive, monkeypatch):
    monkeypatch.setattr(files, "find", lambda *_: archive)
    assert inspection.check("mafl").startswith(
        "mafl: a part: train 5 of 18,000, val 1 of 1,000, test 2 of 1,000 images"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("9.jpg", "10.jpg", "MAFL: 10.jpg is no image of CelebA's partition"),
        ("9.jpg", "../9.jpg", r"MAFL: \.\./9\.jpg is no image of CelebA's partition"),
        ("9.jpg", "8.jpg", "MAFL: 8.jpg is listed twice"),
        ("9.jpg\n3.jpg", " ", "testing.txt: empty"),
    ],
)
def test_a_bad_list_is_named(archive, old, new, message):
    path = archive / "MAFL" / "testing.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        read("mafl", archive)


def test_a_missing_list_is_named(archive):
    (archive / "MAFL" / "training.txt").unlink()
    with pytest.raises(UserError, match=r"training.txt: missing"):
        read("mafl", archive)


def test_the_real_lists():
    try:
        folder = files.find("celeba", None, "")
    except DataMissing as reason:
        pytest.skip(str(reason))
    names, part = mafl.protocol(folder), celeba.partition(folder)
    assert {split: len(ids) for split, ids in names.items()} == {"train": 18000, "val": 1000, "test": 1000}
    assert {part[name] for name in names["val"]} == {"val"}
    assert subsets.ids_hash(names["val"]) == "e5d5a2f53473"
    assert not set(celeba.protocol(folder)["train"]) & {*names["val"], *names["test"]}
    assert len(set(names["train"]) & set(celeba.protocol(folder)["train"])) == 15461


def test_the_real_archive():
    splits = real("mafl")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 18000, "val": 1000, "test": 1000}
