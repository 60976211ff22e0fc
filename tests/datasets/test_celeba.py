"""The reader of CelebA, on a small archive in its layout and, as far as they are there, on the real lists."""

from __future__ import annotations

import numpy as np
import pytest
from readers import draw, read, real

from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.datasets import celeba
from landmarklib.formats import archive as files
from landmarklib.loading import inspection

ROWS = [f"00000{i}.jpg {60 + i}  110  106  113   77  142   73  152  108  154\n" for i in range(1, 7)]
LANDMARKS = f"6\n{celeba.COLUMNS} \n" + "".join(ROWS)
PARTITION = "000001.jpg 0\r\n000002.jpg 0\r\n000003.jpg 0\r\n000004.jpg 1\r\n000005.jpg 2\r\n000006.jpg 2\r\n"


@pytest.fixture(params=["folders", "flat"])
def archive(tmp_path, request):
    """Six images, three of them for training; of MAFL's two test images one is among those.

    No line end after MAFL's last names.
    """
    anno, evaluation, pictures = ("Anno/", "Eval/", "Img/") if request.param == "folders" else ("", "", "")
    for name, text in (
        (f"{anno}list_landmarks_align_celeba.txt", LANDMARKS),
        (f"{evaluation}list_eval_partition.txt", PARTITION),
        ("MAFL/training.txt", "000003.jpg\n000005.jpg"),
        ("MAFL/testing.txt", "000002.jpg\n000006.jpg"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    for i in range(1, 7):
        draw(tmp_path / f"{pictures}img_align_celeba/00000{i}.jpg", 178, 218, seed=i)
    return tmp_path


def test_points_splits_and_paths(archive):
    splits = read("celeba", archive)
    ids = {name: listing.ids for name, listing in splits.items()}
    assert ids == {
        "train": ("000001.jpg", "000003.jpg"),
        "val": ("000004.jpg",),
        "test": ("000005.jpg", "000006.jpg"),
    }
    train = splits["train"]
    assert train.points[1].tolist() == [[63, 110], [106, 113], [77, 142], [73, 152], [108, 154]]
    assert train.visible.all() and train.visible.shape == (2, 5)
    folder = "Img/img_align_celeba" if (archive / "Img").is_dir() else "img_align_celeba"
    assert train.files == (f"{folder}/000001.jpg", f"{folder}/000003.jpg")


def test_the_check_decodes_every_image(archive, monkeypatch):
    monkeypatch.setattr(files, "find", lambda *_: archive)
    assert inspection.check("celeba").startswith(
        "celeba: a part: train 2 of 161,962, val 1 of 19,867, test 2 of 19,962"
    )


def test_no_training_image_is_in_mafls_test_set(archive):
    _, test = celeba.mafl(archive)
    assert not set(test) & set(read("celeba", archive)["train"].ids)


def change(archive, name, old, new):
    path = next(archive.rglob(name))
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("list_landmarks_align_celeba.txt", "6\n", "", "begins with 'lefteye_x .*expected the number of images"),
        ("list_landmarks_align_celeba.txt", "6\n", "image_id,", "begins with 'image_id,lefteye_x"),
        ("list_landmarks_align_celeba.txt", "6\n", "202599\n", "6 images; line 1 says 202,599"),
        ("list_landmarks_align_celeba.txt", "nose_x nose_y ", "", "begins with '6'; expected the number of images"),
        ("list_landmarks_align_celeba.txt", ROWS[3], ROWS[3][:-5] + "\n", r"line 6: 9 numbers; expected 10: lefteye_x"),
        ("list_landmarks_align_celeba.txt", " 64 ", " nan ", "line 6: 'nan 110 .*expected lefteye_x"),
        ("list_landmarks_align_celeba.txt", " 64 ", " inf ", "line 6: 'inf 110"),
        ("list_landmarks_align_celeba.txt", " 64 ", " x ", "line 6: 'x 110"),
        ("list_landmarks_align_celeba.txt", "000002", "000001", "000001.jpg is listed twice"),
        ("list_landmarks_align_celeba.txt", "000003", "000009", "no points of 000003.jpg, which is in train"),
        ("list_eval_partition.txt", "4.jpg 1", "4.jpg 3", "line 4: '000004.jpg 3'; expected an image and 0, 1 or 2"),
        ("list_eval_partition.txt", "4.jpg 1", "4.jpg", "line 4: '000004.jpg'; expected an image and 0, 1 or 2"),
        ("list_eval_partition.txt", "000002", "000001", "000001.jpg is listed twice"),
        ("list_eval_partition.txt", PARTITION, "", "empty"),
        ("testing.txt", "000002", "000003", "000003.jpg is listed twice"),
    ],
)
def test_a_bad_list_is_named(archive, name, old, new, message):
    change(archive, name, old, new)
    with pytest.raises(UserError, match=rf"({name}|MAFL)(, |: ){message}"):
        read("celeba", archive)


@pytest.mark.parametrize("name", ["list_eval_partition.txt", "training.txt", "testing.txt"])
def test_a_missing_list_is_named(archive, name):
    next(archive.rglob(name)).unlink()
    with pytest.raises(UserError, match=f"{name}: missing"):
        read("celeba", archive)


def test_it_is_said_what_a_part_of_the_archive_lacks(archive):
    next(archive.rglob("list_landmarks_align_celeba.txt")).unlink()
    with pytest.raises(DataMissing, match=r"only a part of CelebA is here; there is no Anno/list_\S+ \(or list_\S+\)$"):
        read("celeba", archive)
    pictures = next(archive.rglob("img_align_celeba"))
    pictures.rename(archive / "elsewhere")
    with pytest.raises(DataMissing, match=r"no Anno/list_.*, no Img/img_align_celeba \(or img_align_celeba\)$"):
        read("celeba", archive)


def test_the_real_lists():
    try:
        folder = files.find("celeba", None, "")
    except DataMissing as reason:
        pytest.skip(str(reason))
    part, (training, test) = celeba.partition(folder), celeba.mafl(folder)
    assert (len(part), len(training), len(test)) == (202599, 19000, 1000)
    for names, counts in ((training, [15461, 1810, 1729]), (test, [808, 96, 96])):
        found = [part[name] for name in names]
        assert [found.count(split) for split in ("train", "val", "test")] == counts
    names = celeba.protocol(folder)
    assert {split: len(ids) for split, ids in names.items()} == {"train": 161962, "val": 19867, "test": 19962}
    assert subsets.ids_hash(names["train"]) == "d782e598c4f4"
    excerpt = folder / "list_landmarks_align_celeba.excerpt.txt"
    if excerpt.exists():
        with pytest.raises(UserError, match=r"excerpt\.txt: 8 images; line 1 says 202,599"):
            celeba.landmarks(excerpt)


def test_the_real_archive():
    splits = real("celeba")
    assert {name: len(listing) for name, listing in splits.items()} == {"train": 161962, "val": 19867, "test": 19962}
    first = splits["train"][np.array([splits["train"].ids.index("000001.jpg")])]
    assert first.points[0].tolist() == [[69, 109], [106, 113], [77, 142], [73, 152], [108, 154]]
