"""Whatever a table's file says that cannot be run, or that means nothing, is refused where it is read."""

from __future__ import annotations

import pytest

from landmarklib.core.errors import UserError
from landmarklib.tables import reading

FRACTIONS = "fractions = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0]"
WEIGHTS = "weights = { landmarks = 900 }"
OPTIONS = "options = { centred = true, out_gain = 0.1 }"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "blocks"', 'name = "shapes"', "name 'shapes'; expected 'blocks' or 'honari2018-blocks'"),
        ('name = "blocks"', "name = ['blocks']", "name ['blocks']; expected 'blocks' or 'honari2018-blocks'"),
        ('paper = "honari2018"', 'paper = "b2020"', "paper 'b2020'; expected 'honari2018'"),
        ('dataset = "blocks"', 'dataset = "block"', "dataset: unknown data set 'block'; did you mean 'blocks'?"),
        ('dataset = "blocks"', 'dataset = "lspet"', "dataset: lspet has no val images"),
        ('dataset = "blocks"', 'dataset = "blocks"\ntests = ["lspet"]', "tests: lspet has no test images"),
        ('dataset = "blocks"', 'dataset = "blocks"\ntests = ["cats"]', "tests: cats has 9 landmarks, and blocks has "),
        ('dataset = "blocks"', 'dataset = "blocks"\nopen = "bloks"', "open: unknown data set 'bloks'"),
        ('metrics = ["error_px"', 'metrics = ["eror_px"', "unknown metric 'eror_px'; did you mean 'error_px'?"),
        ('"accuracy_percent"]', '"accuracy_percent of clas"]', "unknown qualifier 'of clas'; did you mean 'of class'?"),
        (FRACTIONS, "fractions = [5, 20]", "fractions: 5 is too large; it must be at most 1"),
        (FRACTIONS, "fractions = [0.0, 0.5]", "fractions: 0 beside others"),
        (FRACTIONS, f"{FRACTIONS[:-1]}, 0.0001]", "fractions: 0.0001 labels none of 320 training images"),
        (WEIGHTS, f"stages = [{{ name = 'a', {WEIGHTS}, unlabelled = 0.001 }}]", "unlabelled: 0.001 leaves none of "),
        (WEIGHTS, f"stages = [{{ name = 'a', {WEIGHTS}, unlabelled = 0 }}]", "unlabelled: 0 is too small; it must be"),
        ("[budgets.smoke]", "[budgets.smok]", "budgets: 'smoke' is missing"),
        ("[budgets.paper]", "[budgets.'../paper']", "budgets: '../paper' is not a word of letters, digits"),
        ("evaluation_images = 640", "evaluation_images = 4000", "evaluation_images: 4000; blocks has 3200 val images"),
        ("train_images = 320", "train_images = 4000", "train_images: 4000; blocks has 3200 train images"),
        ("test_images = 64", "test_images = 4000", "test_images: 4000; blocks has 3200 test images"),
        ("images = 64", f"images = {10**400}", "budget smoke, images: 1000"),
        ("images = 64", f"images = 0x{'f' * 5000}", "images: a int too large to be shown is too large"),
        ("rate = 0.001", f"rate = {10**400}", "budget smoke, rate: 1000"),
        ("rate = 0.001", "rate = -1", "budget smoke, rate: -1 is too small; it must be more than 0"),
        ("plateau = 0.4", "plateau = 0.1", "warmup: 2 of 8 steps; it must end before the plateau does, at 0.1 of them"),
        ("size = 60", "size = 60\njitter = { rotation_degrees = 1, scale = 0, shift = 1 }", "jitter is for photos"),
        ('name = "Seq-MT (L)"', 'name = " "', "row 1, name: ' ' is not a line of text"),
        ('name = "Seq-MT (L)"', 'name = "a\\u001b[2J"', "is not a line of text"),
        ('title = "Blocks"', 'title = "a\\nb"', "title: 'a\\nb' is not a line of text that can be read"),
        ('name = "Seq-MT (L)"', f'name = "{"x" * 101}"', "is too long; it must have at most 100 characters"),
        ('name = "Seq-MT (L+A)"', 'name = "Seq-MT (L)"', "2 rows or references are 'Seq-MT (L)'; all must differ"),
        ('method = "seq_mt"', 'method = "seqmt"', "unknown method 'seqmt'; known: comm_mt"),
        (OPTIONS, "options = { kernel = 'nine' }", "row Seq-MT (L): seq_mt, kernel: 'nine' is not a whole number"),
        (OPTIONS, "options = { kernel = 0 }", "seq_mt, kernel: 0 is too small; it must be more than 0"),
        (OPTIONS, "options = { centred = 1 }", "seq_mt, centred: 1 is neither true nor false"),
        (OPTIONS, "options = { dropout = 1.0 }", "seq_mt, dropout: 1.0 is too large; it must be less than 1"),
        (OPTIONS, "options = { attributes = 'class' }", "attributes: 'class' is not a list; write ['class']"),
        (OPTIONS, "options = { attributes = ['klass'] }", "attributes: blocks has no 'klass'; it has class"),
        (OPTIONS, "options = { hidden = [0] }", "seq_mt, hidden: 0 is too small; it must be more than 0"),
        ("options = { dropout = 0.0 }\ntraining = { clip = 1.0", "options = { decoder = 'softmx' }\ntraining = { clip = 1.0", "heatmap_mt, decoder: 'softmx' is unknown; valid: 'softmax' or 'soft-argmax'"),  # noqa: E501
        (WEIGHTS, f"{WEIGHTS}\nstarts = {{ elt = 0.1 }}", "row Seq-MT (L): unknown key 'starts'"),
        (WEIGHTS, f"{WEIGHTS}\nonset = {{ elt = 0.1 }}", "unknown onset of the loss term 'elt'; known: landmarks"),
        (WEIGHTS, f"{WEIGHTS}\nneeds_unlabelled = 'no'", "needs_unlabelled: 'no' is neither true nor false"),
        (WEIGHTS, f"{WEIGHTS}\nfractions = [0.1, 0.1]", "2 fractions are 0.1; all must differ"),
        (WEIGHTS, f"{WEIGHTS}\nfractions = [1.0]\nneeds_unlabelled = true", "it has no cell; all its images would be"),
        (WEIGHTS, f"{WEIGHTS}\nfractions = [0.1]", "row Seq-MT (L), published: it has no cell at fraction 0."),
        (WEIGHTS, f"{WEIGHTS}\npublished_also = {{ error_px = {{}} }}", "error_px belongs into published"),
        ("needs_unlabelled = true", "", "fractions: 1 labels all of 320 training images, and Seq-MT (L+ELT) needs"),
        ('"0.01" = 8.33', '"0.01" = -8.33', "-8.33 is too small; it must be at least 0"),
        ('higher = ["Seq-MT (L)"]', 'higher = ["Seq-MT (L+A)"]', "H1: Seq-MT (L+A) at 0.01 is compared with itself"),
        ("fractions = [0.01, 0.05]", "fractions = [0.03]", "claim H7: fraction 0.03 is not one of the table's"),
        ("fractions = [0.01, 0.05]", "fractions = [0.01], metrics = ['eror_px']", "claim H7: unknown metric 'eror_px'"),
        ("n_maps = 0", f"n_maps = 0\n{'x' * 100_000} = 1", "unknown key 'xxx"),
        ("n_maps = 0", f"n_maps = {'[' * 5000}", "not valid TOML: its values are nested too deep"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_or_means_nothing_is_refused_in_a_short_line(refused, old, new, words):
    line = refused("blocks", old, new)
    assert words in line and len(line) < 600


FSE = 'method = "fse"\n# DEVIATION: the rate'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("fractions = [0.0]", "fractions = [0.5]", "mnist_3 has no landmarks to learn from or to regress"),
        ("fractions = [0.0]", 'labels = [5, "all"]', "mnist_3 has no landmarks to learn from or to regress"),
        (
            FSE,
            FSE.replace("\n", '\nreadout = "regressed"\n', 1),
            "mnist_3 has no landmarks to learn from or to regress",
        ),
        ('metrics = ["', 'metrics = ["error_px", "', "metrics: error_px, and mnist_3 has no landmarks; valid: equi"),
        (
            'metrics = ["',
            'metrics = ["scatter_px", "',
            "metrics: scatter_px, and mnist_3 has no photos of one thing in",
        ),
        (
            'dataset = "mnist_3"',
            'dataset = "mnist_3"\ntests = ["mtfl"]',
            "tests: mtfl has 5 landmarks, and mnist_3 has 0",
        ),
    ],
)
def test_without_landmarks_nothing_is_labelled_regressed_or_compared_with_them(refused, old, new, words):
    line = refused("digits-3", old, new)
    assert words in line and len(line) < 300


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (
            "digits-3",
            'metrics = ["',
            'metrics = ["pixel_accuracy_percent", "',
            "metrics: pixel_accuracy_percent, and mnist_3 has no classes of pixels",
        ),
        (
            "digits-3",
            FSE,
            FSE.replace('"fse"', '"fse_parsing"'),
            "row FSE, 7 landmarks, as printed: fse_parsing learns the classes of pixels, and mnist_3 has none",
        ),
        ("helen", 'metrics = ["', 'metrics = ["error_px", "', "error_px, and helen_parsing has no landmarks"),
        (
            "helen",
            "weights = { parse = 1 }",
            'readout = "regressed"\nweights = { parse = 1 }',
            "readout 'regressed', and the method predicts no points",
        ),
    ],
)
def test_classes_of_pixels_are_learnt_where_there_are_any(refused, name, old, new, words):
    assert words in refused(name, old, new)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "honari2018" / "x.toml").mkdir(parents=True)
    with pytest.raises(UserError, match=r"^honari2018/x\.toml: cannot be read: "):
        reading.read(tmp_path / "honari2018" / "x.toml")


def test_what_is_measured_on_test_images_alone_chooses_nothing(refused):
    line = refused("yaleb", 'select = "equivariance_px"', 'select = "scatter_px"')
    assert line.endswith("select scatter_px, which is measured on test images alone")
