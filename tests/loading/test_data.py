"""`landmarklib data`: where archives are looked for, and what a check says of a whole, a partial and a broken one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from readers import draw

from landmarklib import datasets, loading
from landmarklib.__main__ import main
from landmarklib.core import subsets
from landmarklib.core.errors import DataMissing, UserError
from landmarklib.core.types import Listing
from landmarklib.formats import archive, matlab, npz
from landmarklib.loading import inspection
from landmarklib.report import contact_sheet

N = 3


@pytest.fixture
def little(tmp_path, monkeypatch):
    """A data set of three images of 40 x 30, read from a listing that a test may change; returns (folder, listing)."""
    folder = tmp_path / "little"
    for i in range(N):
        draw(folder / f"{i}.png", seed=i)
    listing = Listing(
        tuple(f"{i}.png" for i in range(N)),
        np.full((N, 2, 2), 5.0),
        np.ones((N, 2), bool),
        tuple("abc"),
        {"x": np.arange(N)},
    )
    state = {"train": listing}
    dataset = replace(
        loading.get("mtfl"),
        name="little",
        folder="little",
        counts={"train": N},
        read=lambda folder: state,
        landmarks=("p", "q"),
        ids={},
    )
    monkeypatch.setattr(loading, "get", lambda name: dataset)
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    return folder, state


def check(folder: Path, missing: float | None = None) -> str:
    return inspection.check("little", folder.parent, missing)


def at(x: float, y: float) -> np.ndarray:
    """The points of the three images, the second of image 1.png at that place and the others inside."""
    points = np.full((N, 2, 2), 5.0)
    points[1, 1] = x, y
    return points


def test_a_whole_archive(little):
    folder, _ = little
    assert check(folder).startswith(
        "little: train 3 images; all decode, and every point that counts is where it may be"
    )


def test_a_part_of_an_archive_is_called_so(little):
    folder, state = little
    state["train"] = state["train"][np.array([2, 0])]
    assert check(folder).startswith("little: a part: train 2 of 3 images")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"points": np.full((N, 2, 2), np.nan)},
            r"6 faults: 0.png: p at .nan, nan. counts; expected finite numbers; .*",
        ),
        ({"points": at(np.inf, 5)}, r": 1 fault: 1.png: q at .inf, 5. counts; expected finite numbers$"),
        (
            {"points": at(79.6, 5)},
            r"1 fault: 1.png: q at .79.6, 5. lies 40.1 px outside of the photo; at most 40 px may",
        ),
        (
            {"points": at(5, -40.6)},
            r"1 fault: 1.png: q at .5, -40.6. lies 40.1 px outside of the photo; at most 40 px may",
        ),
        (
            {"files": ("0.png", "../little/1.png", "2.png")},
            "the file name '../little/1.png' leaves the data set's folder",
        ),
        ({"files": ("0.png", "/etc/hostname", "2.png")}, "the file name '/etc/hostname' leaves the data set's folder"),
        (
            {"files": ("0.png", "9.png", "2.png")},
            r"1 fault: train: 1 of 3 images has no photo that can be read .9.png: missing.; at most 1% of a split may",
        ),
    ],
)
def test_a_fault_of_the_lists(little, change, message):
    folder, state = little
    state["train"] = replace(state["train"], **change)
    with pytest.raises(UserError, match=message):
        check(folder)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (39.4, -0.4, None),
        (40.5, 5, "1 point of 1 photo outside of the photo; farthest q of 1.png, by 1 px, 2.5% of its longer side"),
        (
            5,
            -40.4,
            "1 point of 1 photo outside of the photo; farthest q of 1.png, by 39.9 px, 99.8% of its longer side",
        ),
    ],
)
def test_a_point_outside_of_its_photo_is_warned_of(little, x, y, said):
    folder, state = little
    state["train"] = replace(state["train"], points=at(x, y))
    line, *warnings = check(folder).splitlines()
    assert "all decode" in line and warnings == ([f"warning: train: {said}"] if said else [])


def test_the_farthest_of_several_points_outside_is_named(little):
    folder, state = little
    points = at(-3.5, 10)
    points[2] = [[5, 36.5], [5, 30.5]]
    state["train"] = replace(state["train"], points=points)
    said = "3 points of 2 photos outside of the photo; farthest p of 2.png, by 7 px, 17.5% of its longer side"
    assert check(folder).splitlines()[1:] == [f"warning: train: {said}"]


def test_a_data_set_may_have_another_limit(little, monkeypatch):
    folder, state = little
    state["train"] = replace(state["train"], points=at(99.5, 5))
    dataset = replace(loading.get("little"), beyond=1.5)
    monkeypatch.setattr(loading, "get", lambda name: dataset)
    assert "by 60 px, 150.0% of its longer side" in check(folder)


def test_points_that_do_not_count_may_be_anywhere(little):
    folder, state = little
    state["train"] = replace(state["train"], points=np.full((N, 2, 2), np.nan), visible=np.zeros((N, 2), bool))
    assert "all decode" in check(folder)


def test_too_many_images_and_an_id_in_two_splits(little):
    folder, state = little
    state["val"] = state["train"]
    with pytest.raises(UserError, match=r"4 faults: a: in two splits; .*; val: 3 images, expected 0"):
        check(folder)


def test_lists_without_any_image_say_what_they_name(little):
    folder, _ = little
    (folder / "lists.txt").touch()
    for path in folder.glob("*.png"):
        path.unlink()
    with pytest.raises(UserError, match="its lists name train 3 images, and none of them is here; Download"):
        check(folder)


@pytest.fixture
def pinned(little, monkeypatch):
    """The same data set with the hash of its split written down."""
    dataset = replace(loading.get("little"), ids={"train": subsets.ids_hash(list("abc"))})
    monkeypatch.setattr(loading, "get", lambda name: dataset)
    return little


def test_a_split_cannot_move(pinned):
    folder, state = pinned
    assert "all decode" in check(folder)
    state["train"] = replace(state["train"], ids=tuple("abd"))
    with pytest.raises(UserError, match="train: its 3 images are not the ones that were written down"):
        check(folder)


def test_a_part_of_a_split_that_was_written_down_is_only_a_part(pinned):
    folder, state = pinned
    state["train"] = state["train"][np.array([0, 1])]
    assert "a part: train 2 of 3" in check(folder)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def cmyk(path: Path) -> None:
    draw(path.with_suffix(".jpg"), mode="CMYK")
    path.with_suffix(".jpg").replace(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "1.png: not an image that can be decoded"),
        (lambda path: path.write_bytes(b""), "1.png: not an image that can be decoded"),
        (lambda path: path.write_text("<html>not found</html>"), "1.png: not an image that can be decoded"),
        (lambda path: path.unlink(), "1.png: missing"),
        (cmyk, "1.png: colours are CMYK; expected RGB or grey"),
    ],
)
def test_a_broken_image_is_named(little, damage, message):
    folder, _ = little
    damage(folder / "1.png")
    with pytest.raises(UserError, match=f"1 fault: train: 1 of 3 images has no photo that can be read .{message}"):
        check(folder)
    line, warning = check(folder, missing=0.4).splitlines()
    assert line.startswith("little: train 2 of 3 images; all decode")
    assert warning.startswith("warning: train: 1 of 3 images has no photo that can be read (1.png: ")


def test_many_faults_are_counted(little):
    folder, state = little
    state["train"] = replace(state["train"], points=np.full((N, 2, 2), np.nan))
    with pytest.raises(UserError, match=r"6 faults: (.*; ){10}and 1 more$"):
        check(folder)


def test_too_many_photos_of_a_split_are_one_fault(little):
    folder, _ = little
    for i in range(N):
        (folder / f"{i}.png").write_bytes(b"")
    with pytest.raises(UserError, match=r": 1 fault: train: 3 of 3 images have no photo .*0.png: .*2.png: .*; at most"):
        check(folder)


def test_a_set_that_is_not_here_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "nowhere")
    with pytest.raises(DataMissing, match=r"mtfl: not on this machine \(looked for .*/mtfl\)\. Download MTFL\.zip"):
        inspection.check("mtfl", tmp_path)
    frame = inspection.overview(tmp_path).set_index("name")
    assert frame.here["mtfl"] == "missing" and frame.here["blocks"] == "generated"


def test_a_set_of_lists_alone_is_not_here(little, tmp_path, monkeypatch, capsys):
    folder, _ = little
    monkeypatch.setattr(datasets, "names", lambda: ["little"])

    def listed() -> list[str]:
        assert main(["data", "list", "--data", str(tmp_path)]) == 0
        return [line.strip() for line in capsys.readouterr().out.splitlines()]

    assert listed()[0] == f"little       paper     {folder}" and len(listed()) == 2
    for path in folder.glob("*.png"):
        path.unlink()
    (folder / "list.txt").write_text("0.png 5 5")
    first, _, how = listed()
    assert first == f"little       paper     only its lists, in {folder}"
    assert how.startswith("to get it: Download MTFL.zip")


def test_lists_that_cannot_be_read_do_not_stop_the_others(little, tmp_path, monkeypatch):
    def read(folder):
        raise UserError("list.txt: empty")

    dataset = replace(loading.get("little"), read=read)
    monkeypatch.setattr(loading, "get", lambda name: dataset)
    assert set(inspection.overview(tmp_path).here) == {"cannot be read: list.txt: empty"}


def test_the_data_root_is_the_given_one_then_the_environments_then_the_users(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "beside")
    monkeypatch.delenv("LANDMARKLIB_DATA", raising=False)
    assert archive.roots() == [Path(archive.HOME).expanduser()]
    monkeypatch.setenv("LANDMARKLIB_DATA", str(tmp_path / "mine"))
    assert archive.roots() == [tmp_path / "mine"]
    (tmp_path / "beside").mkdir()
    assert archive.roots(tmp_path / "given") == [tmp_path / "given", tmp_path / "beside"]


def test_an_empty_folder_is_no_data_set_and_hides_none(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "BESIDE", tmp_path / "beside")
    (tmp_path / "first/mtfl").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    with pytest.raises(DataMissing, match="mtfl: not on this machine"):
        archive.find("mtfl", tmp_path / "first", "")
    (tmp_path / "beside/mtfl").mkdir()
    (tmp_path / "beside/mtfl/training.txt").touch()
    assert archive.find("mtfl", tmp_path / "first", "") == tmp_path / "beside/mtfl"


def test_generated_sets_need_no_check():
    assert inspection.check("blocks") == "blocks: generated, nothing to check"
    with pytest.raises(UserError, match="blocks is generated; it has no files"):
        inspection.listings("blocks")


def test_samples_are_spread_evenly_and_come_with_their_points(little, monkeypatch):
    folder, state = little
    first, last = inspection.samples("little", 2, root=folder.parent)
    assert (first.id, last.id) == ("a", "c") and first.image.shape == (3, 30, 40)
    assert last.points.tolist() == state["train"].points[2].tolist()
    with pytest.raises(UserError, match="little: unknown split 'dev'; known: train"):
        inspection.samples("little", 2, "dev", folder.parent)
    (folder / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"train: 1 of 3 images has no photo that can be read .0.png"):
        inspection.samples("little", 2, root=folder.parent)
    monkeypatch.setenv("LANDMARKLIB_MISSING", "0.5")
    assert [sample.id for sample in inspection.samples("little", 2, root=folder.parent)] == ["b", "c"]
    state["train"] = state["train"][np.array([], int)]
    with pytest.raises(UserError, match="no image of the split train is here"):
        inspection.samples("little", 2, root=folder.parent)


def test_a_contact_sheet_shows_every_image_cut_to_its_points(little):
    folder, _ = little
    shown = inspection.samples("little", 3, root=folder.parent)
    shown[1].visible[:] = False
    figure = contact_sheet.draw(replace(loading.get("little"), mirror=(1, 0), skeleton=((0, 1),)), shown)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c", ""]
    assert [axis.get_xlim() for axis in figure.axes[:2]] == [(1.0, 9.0), (-0.5, 39.5)]
    plt.close(figure)


def test_the_show_command_writes_a_picture_or_says_why_not(tmp_path, capsys):
    assert main(["data", "show", "blocks", "--out", str(tmp_path / "sheet.png")]) == 0
    assert archive.image(tmp_path / "sheet.png").shape[2] > 500
    assert main(["data", "show", "blocks", "--out", str(tmp_path / "sheet.txt")]) == 2
    assert "is no picture; write .png" in capsys.readouterr().err
    plt.close("all")


def test_text_is_read_with_any_line_ending_and_mark(tmp_path):
    path = tmp_path / "list.txt"
    for text in (b"a 1\nb 2", b"a 1\r\nb 2\r\n \r\n", b"\xef\xbb\xbfa 1\n\n b 2 \n"):
        path.write_bytes(text)
        assert archive.lines(path) == ["a 1", "b 2"]
    for text, message in ((b" \n", "empty"), (b"\xff\xfe\x00a", "cannot be read as text")):
        path.write_bytes(text)
        with pytest.raises(UserError, match=f"list.txt: {message}"):
            archive.lines(path)


def test_arrays_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "trap.npz", images=np.array([Trap()], object))
    with pytest.raises(UserError, match=r"trap\.npz: not an \.npz file of plain arrays"):
        npz.array(tmp_path / "trap.npz", "images", [1])
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        ("points", [2, 3], None),
        ("points", [None, 3], None),
        ("points", [3, 2], "points is 2 x 3; expected 3 x 2"),
        ("points", [None], "points is 2 x 3; expected any"),
        ("other", [2, 3], r"no array of numbers 'other' \(2 x 3\)"),
        ("words", [1], "no array of numbers 'words'"),
    ],
)
def test_arrays_of_npz_and_mat(tmp_path, key, shape, message):
    from scipy.io import savemat

    values = {"points": np.arange(6.0).reshape(2, 3), "words": np.array(["a"])}
    np.savez(tmp_path / "a.npz", **values)
    savemat(tmp_path / "a.mat", values)
    for read, name in ((npz.array, "a.npz"), (matlab.matrix, "a.mat")):
        if message is None:
            assert np.array_equal(read(tmp_path / name, key, shape), values["points"])
        else:
            with pytest.raises(UserError, match=f"{name}: {message}"):
                read(tmp_path / name, key, shape)


@pytest.mark.parametrize("read, name", [(npz.array, "a.npz"), (matlab.matrix, "a.mat")])
@pytest.mark.parametrize("content", [None, b"", b"MATLAB 5.0 MAT-file", b"PK\x03\x04 broken", b"\x00" * 200])
def test_an_array_file_that_cannot_be_read(tmp_path, read, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: {'not an? ' if content is not None else 'missing'}"):
        read(tmp_path / name, "points", [None])


def test_an_image_as_colours_and_as_grey(tmp_path):
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 255, 7
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert archive.image(tmp_path / "a.png").tolist() == [[[255] * 3] * 2, [[0] * 3] * 2, [[0] * 3] * 2]
    assert archive.image(tmp_path / "a.png", grey=True).tolist() == [[[76] * 3] * 2]
