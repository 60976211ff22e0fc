"""A table is read strictly, and what is asked of it is checked before anything is computed."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from dataclasses import fields, replace

import pandas as pd
import pytest
from experiments import changed
from pydantic import ValidationError

from landmarklib import methods, tables
from landmarklib.core.errors import UserError
from landmarklib.report import claims
from landmarklib.tables import reading, selection

OTHER_READING = 'other_reading = "nme_percent read by soft-argmax" }'


def text_of(name: str) -> str:
    """The TOML of a table of honari2018."""
    return (tables.FOLDER / "honari2018" / f"{name}.toml").read_text(encoding="utf-8")


@pytest.fixture
def blocks() -> tables.Table:
    """honari2018, Table 1."""
    return tables.get("blocks")


def test_the_text_as_it_stands_is_read(edited):
    assert edited("schema = 1", "schema = 1") == tables.get("blocks")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("n_maps = 0", "n_maps = 0\nn_mpas = 4", ["unknown key 'n_mpas'", "known: balanced_by, budgets, citation"]),
        ("[budgets.cpu]", "[budgets.cpu]\nepochs = 3", ["budget cpu", "unknown key 'epochs'", "evaluation_images"]),
        ("[[rows]]", "[[rows]]\nweigths = {}", ["row Seq-MT (L)", "unknown key 'weigths'", "weights"]),
        ("clip = 1.0, b", "clipp = 1.0, b", ["row Heatmap-MT (L), training", "unknown key 'clipp'", "clip"]),
        ("[[claims]]", '[[claims]]\nname = "x"', ["claim H1", "unknown key 'name'", "comparisons, ", "id, text"]),
        (
            "fractions = [0.01, 0.05] }",
            "fraction = [0.01, 0.05] }",
            ["claim H7", "unknown key 'fraction'", "fractions"],
        ),
        ("[budgets.smoke]", "[common]\nweights = {}\n[budgets.smoke]", ["common", "unknown key 'weights'", "options"]),
        ('unit = "px"', "", ["'unit'"]),
        ("seeds = [0, 1, 2, 3, 4]", "", ["'seeds' is missing"]),
        ("fractions = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0]", "", ["'fractions' is missing"]),
        ('method = "seq_mt"', "", ["row Seq-MT (L): 'method' is missing"]),
        ('id = "H1"', "", ["claim 1: 'id' is missing"]),
        ("images = 64", "", ["budget smoke: 'images' is missing"]),
        ('lower = ["Seq-MT (L+A)"]', 'lower = ["Seq-MT (A)"]', ["claim H1", "Seq-MT (A)", "known: Comm-MT (L), "]),
        ("schema = 1", "schema = 2", ["schema 2", "up to schema 1"]),
        ("schema = 1", 'schema = "1"', ["schema '1'", "up to schema 1"]),
        ("schema = 1", "", ["schema None", "up to schema 1"]),
        ("schema = 1", "schema = = 1", ["not valid TOML", "line 4"]),
        (
            "{ landmarks = 900 }",
            '{ landmarks = "900 px" }',
            ["row Seq-MT (L), weights, landmarks: '900 px' is not a number"],
        ),
        ('"0.01" = 8.33', '"1%" = 8.33', ["row Seq-MT (L), published: '1%' is not a number"]),
        ("rate = 0.001", 'rate = "fast"', ["budget smoke, rate: 'fast' is not a number"]),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(refused, old, new, words):
    message = refused("blocks", old, new)
    assert [word for word in words if word not in message] == []


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "honari2018" / "binary.toml"
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"^honari2018/binary\.toml: not valid TOML"):
        reading.read(path)


def test_an_unknown_table_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match=f"unknown table 'block'; known: {', '.join(tables.names())}"):
        tables.get("block")


def test_common_options_hold_for_every_row_unless_it_says_otherwise(edited):
    table = edited("[budgets.smoke]", "[common]\noptions = { width = 3, dropout = 0.5 }\n[budgets.smoke]")
    common = {"width": 3, "dropout": 0.5}
    assert dict(table.row("Comm-MT (L)").options) == common
    assert dict(table.row("Seq-MT (L+A)").options) == {**common, "dropout": 0.0, "centred": True, "out_gain": 0.1}


def test_blocks_has_the_46_published_numbers(blocks):
    assert sum(len(row.published) for row in blocks.rows) == 46
    assert blocks.row("Seq-MT (L)").published[0.01] == 8.33
    assert blocks.row("Seq-MT (L)").published[1.0] == 0.44
    assert blocks.row("Seq-MT (L+ELT+A)").published[0.5] == 0.74
    assert blocks.row("Heatmap-MT (L+A)").published[1.0] == 2.23
    assert blocks.row("Comm-MT (L)").published[0.05] == 11.56


def test_blocks_makes_one_run_for_each_published_number_and_cell_of_footnote_3_and_of_ours_and_seed(blocks):
    made = {(e.row, e.fraction) for e in blocks.experiments(seeds=[7])}
    footnote = {(row.name, f) for row in blocks.rows for f in (0.2, 1.0) if row.note == "footnote 3"}
    ours = {("Ours", f) for f in (0.01, 0.05, 0.1, 0.2, 0.5)}
    assert made == {(row.name, f) for row in blocks.rows for f in row.published} | footnote | ours
    assert len(blocks.experiments()) == (46 + 4 + 5) * 5


def test_rows_that_need_unlabelled_images_have_no_cell_where_all_are_labelled(blocks):
    rows = {e.row for e in blocks.experiments(fractions=[1.0], seeds=[0])}
    assert {row.name for row in blocks.rows} - rows == {"Seq-MT (L+ELT)", "Seq-MT (L+ELT+A)", "Ours"}
    assert [e.row for e in blocks.experiments([1.0], [0], ["Seq-MT (L)", "Seq-MT (L+ELT)"])] == ["Seq-MT (L)"]
    with pytest.raises(UserError, match=r"no cell at 1: Seq-MT \(L\+ELT\) has 0.01, 0.05"):
        blocks.experiments([1.0], [0], ["Seq-MT (L+ELT)"])


def test_a_row_may_set_fields_of_the_budget_otherwise(blocks):
    clips = {
        name: {e.stages[0].optimizer.clip for e in blocks.experiments(seeds=[0], rows=[name])}
        for name in ("Heatmap-MT (L)", "Comm-MT (L)")
    }
    assert clips == {"Heatmap-MT (L)": {1.0}, "Comm-MT (L)": {100.0}}
    assert blocks.budgets["cpu"].clip == 0


def test_a_method_may_have_fields_of_its_own_at_one_fraction():
    w300 = tables.get("w300")
    of_rcn, others = (
        {(e.fraction, e.stages[0].images) for e in w300.experiments([0.5, 1.0], [0], rows)}
        for rows in (["RCN (L)", "RCN+ (L+ELT)"], ["Seq-MT (L)", "Heatmap-MT (L)"])
    )
    assert of_rcn == {(0.5, 48_000), (1.0, 96_000)} and others == {(0.5, 48_000), (1.0, 48_000)}


@pytest.mark.parametrize(("exponent", "at_a_tenth"), [(0, 8_000), (0.5, 2_530), (1, 800)])
def test_images_seen_follow_the_label_fraction_by_the_budgets_exponent(edited, exponent, at_a_tenth):
    table = edited("images = 16_000\n", f"images = 8_000\nimages_exponent = {exponent}\n")
    seen = {e.fraction: e.stages[0].images for e in table.experiments([0.1, 1.0], [0], ["Seq-MT (L)"], "cpu")}
    assert seen == {0.1: at_a_tenth, 1.0: 8_000}


def test_a_budget_may_cap_the_images_that_go_through_the_network(edited):
    """A row whose losses look at an image more often sees fewer labelled ones."""
    table = edited("images = 16_000\n", "images = 16_000\nimages_processed = 8_000\n")
    found = {e.row: e for e in table.experiments([0.1], [0], ["Seq-MT (L)", "Seq-MT (L+A)", "Seq-MT (L+ELT)"], "cpu")}
    assert found["Seq-MT (L)"].stages[0].images == 8_000
    assert {name: methods.images_processed(e) for name, e in found.items()} == pytest.approx(
        dict.fromkeys(found, 8_000), rel=0.005
    )
    assert found["Seq-MT (L+ELT)"].stages[0].images < found["Seq-MT (L+A)"].stages[0].images < 8_000


@pytest.mark.parametrize("name", [name for name in tables.names() if name.startswith("axis-")])
def test_methods_on_one_axis_have_the_same_cap_at_every_number_of_labels(name):
    table = tables.get(name)
    found = [methods.images_processed(e) for e in table.experiments(seeds=[0], budget="cpu")]
    assert found == pytest.approx([40_000] * len(found), rel=0.005)


def test_size_is_the_tables_unless_the_budget_has_its_own(blocks):
    assert {e.size for e in blocks.experiments(seeds=[0], budget="smoke")} == {32}
    assert {e.size for e in blocks.experiments(seeds=[0], budget="paper")} == {60}


def test_runs_go_seed_by_seed_in_the_order_of_the_rows(blocks):
    runs = blocks.experiments([0.2, 0.1], [1, 0], ["Seq-MT (L+A)", "Seq-MT (L)"])
    assert [(e.seed, e.row, e.fraction) for e in runs] == [
        (seed, row, fraction) for seed in (1, 0) for row in ("Seq-MT (L+A)", "Seq-MT (L)") for fraction in (0.1, 0.2)
    ]


def test_what_is_asked_for_twice_is_run_once(blocks):
    runs = blocks.experiments([0.1, 0.1], [0, 0], ["Seq-MT (L)", "Seq-MT (L)"])
    assert [(e.row, e.fraction, e.seed) for e in runs] == [("Seq-MT (L)", 0.1, 0)]


@pytest.mark.parametrize(
    ("rows", "budget", "words"),
    [
        (["Seq-MT"], None, "unknown row 'Seq-MT'; known: Seq-MT .L., Seq-MT .L.A., "),
        (None, "huge", "unknown budget 'huge'; known: smoke, cpu, converged, paper"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(blocks, rows, budget, words):
    with pytest.raises(UserError, match=words):
        blocks.experiments(rows=rows, budget=budget)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (None, (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)),
        ([0.2, 0.05], (0.05, 0.2)),
        ((1,), (1.0,)),
        ([0.3, 0.3, 0.02], (0.02, 0.3)),
    ],
)
def test_fractions_are_sorted_and_different(blocks, values, expected):
    checked = selection.check_fractions(blocks, values)
    assert checked == expected and {type(f) for f in checked} == {float}


@pytest.mark.parametrize("value", [0, 0.0, 1.5, -0.1, math.nan, math.inf, 2])
def test_a_fraction_outside_0_to_1_is_refused(blocks, value):
    with pytest.raises(UserError, match=rf"^fractions: {value:g} is outside \(0, 1\]$"):
        selection.check_fractions(blocks, [0.1, value])


@pytest.mark.parametrize(
    "values", ["0.1", [], (), 0.1, {0.1}, {"0.1": 1}, ["0.1"], [True], [None], [[0.1]], [0.1, "all"]]
)
def test_fractions_that_are_no_list_of_numbers_are_refused(blocks, values):
    with pytest.raises(UserError, match=r"^fractions: .* is not .*; write fractions = \[0.05, 0.2\]$"):
        selection.check_fractions(blocks, values)


def test_fractions_do_not_apply_without_landmark_labels():
    shapes = tables.get("shapes")
    assert selection.check_fractions(shapes, None) == selection.check_fractions(shapes, [0.0]) == (0.0,)
    with pytest.raises(UserError, match="table shapes: fractions do not apply"):
        selection.check_fractions(shapes, [0.1])


def test_seeds_keep_their_order_and_are_different():
    assert selection.check_seeds([2, 0, 2, 1]) == (2, 0, 1)
    assert selection.check_seeds(range(3)) == (0, 1, 2)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(UserError, match=rf"^seeds: {seed} is outside "):
        selection.check_seeds([0, seed])


@pytest.mark.parametrize("values", ["0", [], 0, [1.5], [0.0], ["0"], [False], [None], [[0]], [math.nan], [math.inf]])
def test_seeds_that_are_no_list_of_whole_numbers_are_refused(values):
    with pytest.raises(UserError, match=r"^seeds: .* is not .*; write seeds = \[0, 1, 2\]$"):
        selection.check_seeds(values)


def test_claims_of_blocks_have_their_inequalities_and_hold_in_the_paper(blocks):
    verdicts = claims.evaluate(blocks, pd.DataFrame())
    assert {v.claim.id: len(v.comparisons) for v in verdicts} == {
        "H1": 6,
        "H2": 5,
        "H3": 35,
        "H4": 12,
        "H4-pooling": 4,
        "H5": 12,
        "H6": 6,
        "H7": 4,
        "Ours-blocks": 1,
    }
    assert {v.claim.id for v in verdicts if v.paper_holds} == {"H1", "H2", "H3", "H4", "H5", "H6", "H7"}


def test_a_table_knows_the_runs_that_it_makes_at_any_fraction_and_seed(blocks):
    (e,) = blocks.experiments([0.1], [3], ["Seq-MT (L+ELT)"], "cpu")
    assert blocks.makes(e) and blocks.makes(changed(e, fraction=0.37, seed=99))
    for change in ({"rate": 0.1}, {"row": "another"}, {"budget": "huge"}, {"table": "shapes"}, {"clip": 5.0}):
        assert not blocks.makes(changed(e, **change)), change


def test_a_budget_replaces_the_factors_on_rates_that_rows_set_and_gives_others_none(blocks):
    at = {b: blocks.experiments([0.1], [0], ["Seq-MT (L)", "Seq-MT (L+A)"], b) for b in ("cpu", "converged")}
    rates = {b: [e.stages[0].optimizer.rates for e in runs] for b, runs in at.items()}
    assert rates == {"cpu": [{}, {"head": 10.0}], "converged": [{}, {}]}
    (slower,) = replace(blocks, budgets=with_head_rate(blocks, 3.0)).experiments([0.1], [0], ["Seq-MT (L+A)"])
    assert slower.stages[0].optimizer.rates == {"head": 3.0}


def with_head_rate(table, factor):
    cpu = table.budgets["cpu"]
    return {**table.budgets, "cpu": replace(cpu, methods={"seq_mt": {"rates": {"head": factor}}})}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "methods.rcn.options",
            "methods.rnc.options",
            "methods: unknown key 'rnc'; did you mean 'rcn'. known: comm_mt, heatmap_mt, hrnet, rcn",
        ),
        ("methods.seq_mt = { size", "methods.seq_mt = { side", "budget smoke, methods.seq_mt: unknown key 'side'"),
        (
            "fractions.1.images",
            "fractions.1.image",
            "cpu, methods.rcn, fraction 1: unknown key 'image'; did you mean 'images'. known: batch",
        ),
        ("fractions.1.images", "rates.haed", "budget cpu, methods.rcn.rates: unknown group 'haed'"),
        ("fractions.1.images", "fractions.'0.3'.images", "cpu, methods.rcn: fraction 0.3 is not one of the table's"),
        ("fractions.1.images", "fractions.3.images", "methods.rcn, fractions: '3' is too large; it must be at most 1"),
        ("fractions.1.images", "fractions.all.images", "budget cpu, methods.rcn, fractions: 'all' is not a number"),
        ("methods.seq_mt = { size = 16", "methods.seq_mt = { note = ''", "methods.seq_mt: unknown key 'note'"),
        (
            "jitter = { rotation_degrees",
            "jitter = { rotation",
            "jitter: rotation, scale, shift; expected rotation_degrees, scale",
        ),
        ("shift = 0.2 }\nfractions", "shift = 0.0 }\nfractions", "jitter: shift 0; it must be positive"),
        ('"nme_percent on IBUG" = { "1"', '"nme on IBUG" = { "1"', "published_also: unknown key 'nme on IBUG'"),
        ('note = "Table 5 alone"', "fractions = [0.9]", "row RCN .L.: fraction 0.9 is not one of the table's"),
        (
            OTHER_READING,
            "metrics = ['x'] }",
            "claim H16: unknown metric 'x'",
        ),
        (
            OTHER_READING,
            "higher_metrics = ['x'] }",
            "claim H16: unknown metric 'x'",
        ),
        (
            OTHER_READING,
            "higher_metrics = [] }",
            "claim H16: 1 metrics against 0; expected as many",
        ),
        (
            OTHER_READING,
            "other_reading = 'x' }",
            "claim H16: unknown metric 'x'",
        ),
        (
            OTHER_READING,
            "other_reading = 'failures_percent' }",
            "claim H16: 'failures_percent' is not another reading of 'nme_percent'",
        ),
        (OTHER_READING, "printed = { x = 'RCPR' } }", "claim H16: printed: unknown row 'x'"),
        (
            OTHER_READING,
            "printed = { 'RCN+ (L)' = 'x' } }",
            "claim H16: printed: unknown reference 'x'",
        ),
        ('id = "H16"', 'id = "H16"\nequivalence_margin = 2', "claim H16, equivalence_margin: 2 is too large"),
        ('id = "H16"', 'id = "H16"\nequivalence_margin = -0.1', "claim H16, equivalence_margin: -0.1 is too small"),
        ('id = "H16"', 'id = "H16"\nequivalence_margin = "2%"', "claim H16, equivalence_margin: '2%' is not a number"),
        ('id = "H16"', 'id = "H16"\nvoid_on = { drawn = "x" }', "claim H16, void_on"),
        (
            'higher_metrics = ["nme_percent read by soft-argmax"]',
            "higher_metrics = ['failures_percent']",
            "claim Reading: 'failures_percent' is not another reading of 'nme_percent'",
        ),
        (
            'higher = ["RCN+ (L)"], fractions = [0.05]',
            'higher = ["RCN+ (L)"], fractions = []',
            "claim ELT, RCN.: its rows have no cell at its fractions",
        ),
    ],
)
def test_a_mistake_in_a_table_is_named(refused, old, new, words):
    assert re.search(words, refused("w300", old, new))


def test_a_cell_that_no_row_has_is_refused_with_those_there_are():
    with pytest.raises(UserError, match=r"fractions: no cell at 0.3: RCN .L. has 1$"):
        tables.get("mtfl").experiments([0.3], [0], ["RCN (L)"])


def test_a_budget_is_in_full_where_images_and_networks_are_the_tables():
    assert [name for name in tables.get("mtfl").budgets if tables.get("mtfl").in_full(name)] == ["full", "paper"]
    assert tables.get("blocks").in_full("cpu") and not tables.get("blocks").in_full("smoke")
    assert not tables.get("w300").in_full("cpu")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[common.methods.rcn]", "[common.methods.rnc]", "common, methods: unknown key 'rnc'; did you mean 'rcn'. known: comm_mt, from_points"),  # noqa: E501
        ("[[references]]", "[[references]]\nmethod = 'x'", "reference MT-DCNN .L.A.: unknown key 'method'"),
        ('select = "accuracy_percent"', 'select = "accuracy"', "row Attributes from .*: select 'accuracy'; known: nme_p"),  # noqa: E501
        ("against = [0.1, 0.2, 0.5] }", "against = [0.1] }", "claim H10: 3 fractions against 1; expected as many"),
        ('higher = ["TCDCN (L+A)"', 'higher = ["TCDCNN (L+A)"', "claim H21: unknown row 'TCDCNN"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_with_references_is_named(refused, old, new, words):
    assert re.search(words, refused("hgr1", old, new))


def test_a_row_has_the_options_of_all_of_its_method_and_its_own():
    table = tables.get("hgr1")
    row, smoother = table.row("Heatmap-MT (L+A)"), table.row("Heatmap-MT (L+A), soft-argmax")
    assert row.options["attributes"] == ["gesture"] and row.options["standard"] and "decoder" not in row.options
    assert smoother.options == {**row.options, "decoder": "soft-argmax"}


def test_a_claim_may_compare_cells_of_two_fractions_and_lines_of_others():
    by_id = {claim.id: claim for claim in tables.get("hgr1").claims}
    assert [(c.fraction, c.against) for c in by_id["H10"].comparisons] == [(0.05, 0.1), (0.1, 0.2), (0.2, 0.5)]
    assert ("RCN (L)", "MT-Conv (L+A)") in [(c.lower, c.higher) for c in by_id["H21"].comparisons]
    (best,) = {claim.id: claim for claim in tables.get("aflw").claims}["H19"].comparisons
    assert (best.higher, best.fraction, best.against) == ("Lv et al.", 0.05, 1.0)
    assert tables.get("aflw").paper_value("Lv et al.", 1.0, "nme_percent") == 2.17


def test_a_row_without_points_has_no_value_of_the_first_metric():
    table = tables.get("aflw")
    assert "Pose from true points" not in [row.name for row in table.rows_with("nme_percent")]
    assert "Pose from true points" in [row.name for row in table.rows_with("angle_error_degrees")]
    (e,) = table.experiments([1.0], [0], ["Pose from true points"])
    (other,) = table.experiments([1.0], [0], ["RCN+ (L)"])
    assert (e.evaluation.select, other.evaluation.select) == ("angle_error_degrees", "nme_percent")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("blocks", "seeds = [0, 1, 2, 3, 4]", "seeds = 5", "seeds: 5 is not a list; write [5]"),
        ("blocks", "seeds = [0, 1, 2, 3, 4]", 'seeds = [0, "1"]', "seeds: '1' is not a whole number"),
        ("blocks", "seeds = [0, 1, 2, 3, 4]", "seeds = [true]", "seeds: true is not a whole number"),
        ("blocks", "seeds = [0, 1, 2, 3, 4]", "seeds = []", "seeds: [] is empty; at least one value is needed"),
        ("blocks", "seeds = [0, 1, 2, 3, 4]", "seeds = [3, 1, 3]", "2 seeds are 3; all must differ"),
        ("blocks", "n_maps = 0", "n_maps = 0.0", "n_maps: 0.0 is not a whole number; write 0"),
        ("blocks", 'unit = "px"', "unit = 3", "unit: 3 is not a string"),
        ("blocks", 'title = "Blocks"', 'title = ""', "title: '' is empty; a name is needed"),
        ("blocks", "protocol = [", "protocol = [{ a = 1 },", "protocol 1: {'a': 1} is not a string"),
        (
            "blocks",
            'lower = ["Seq-MT (L+A)"]',
            'lower = "Seq-MT (L+A)"',
            "claim H1, comparison 1, lower: 'Seq-MT (L+A)' is not a list; write ['Seq-MT (L+A)']",
        ),
        ("blocks", "batch = 8", "batch = -8", "budget smoke, batch: -8 is too small; it must be at least 0"),
        ("blocks", "images = 64", "images = 0", "budget smoke, images: 0 is too small; it must be more than 0"),
        ("blocks", "images = 64", "images = 6.5", "budget smoke, images: 6.5 is not a whole number"),
        ("blocks", "plateau = 0.4", "plateau = 1.5", "budget smoke, plateau: 1.5 is too large; it must be at most 1"),
        ("blocks", "rate = 0.001", "rate = inf", "budget smoke, rate: inf is not a finite number"),
        ("blocks", '"0.01" = 8.33', '"0.01" = nan', "row Seq-MT (L), published, 0.01: nan is not a finite number"),
        (
            "blocks",
            '"0.01" = 8.33',
            '"0.03" = 8.33',
            "row Seq-MT (L), published: fraction 0.03 is not one of the table's",
        ),
        ("w300", '{ "1" = 5.54 }', '{ "1" = 5, "1.0" = 6 }', "RCN (L), published: 1, 1.0: one fraction is there twice"),
        ("w300", '{ "1" = 5.54 }', "5.54", "row RCN (L), published: 5.54 is not a table of names and values"),
        ("w300", "{ beta = 10.0 }", "{ beta = [1, inf] }", "row RCN+ (L), options, beta: inf is not a finite number"),
        ("w300", "{ size = 64, rate", '{ size = "64", rate', "Seq-MT (L), training, size: '64' is not a whole number"),
        ("w300", "s = 96_000", "s = 9.5", "budget cpu, methods.rcn, fraction 1, images: 9.5 is not a whole number"),
        ("w300", 'name = "RCN+ (L)"', "", "row 2: 'name' is missing"),
        ("w300", 'name = "RCN+ (L)"', 'name = "RCN (L)"', "2 rows or references are 'RCN (L)'; all must differ"),
        ("w300", 'name = "CDM"', 'name = "RCN (L)"', "2 rows or references are 'RCN (L)'; all must differ"),
        ("w300", 'id = "H16"', 'id = "H15-IBUG"', "2 claims are 'H15-IBUG'; all must differ"),
        (
            "w300",
            'default_budget = "cpu"',
            'default_budget = "cp"',
            "unknown budget 'cp'; did you mean 'cpu'? known: cpu",
        ),
        (
            "w300",
            'select = "nme_percent"',
            'select = "nme"',
            "w300.toml: select 'nme'; known: nme_percent, nme_percent on",
        ),
        (
            "w300",
            "[common]",
            "[comon]",
            "unknown key 'comon'; did you mean 'common'? known: balanced_by, budgets, citation",
        ),
        (
            "shapes",
            "[common]\noptions = { kernel = 7, beta = 1.0, dropout = 0.0 }",
            "common = 3",
            "common: 3 is not a table of names and values",
        ),
        (
            "hgr1",
            "n_maps = 0",
            'n_maps = 0\nbalanced_by = "pose"',
            "balanced_by: unknown attribute of hgr1 'pose'; known:",
        ),
        ("w300", "schema = 1", "schema = true", "schema True; this library reads tables up to schema 1"),
        ("hgr1", "needs_unlabelled = true", "needs_unlabelled = 1", "needs_unlabelled: 1 is neither true nor false"),
        (
            "shapes",
            "batch_unlabelled = 16",
            "batch_unlabelled = 0",
            "budget smoke, row Seq-MT (A) as printed: seq_mt: batch and batch_unlabelled are both 0",
        ),
    ],
)
def test_a_value_that_no_table_can_have_is_refused_with_what_is_valid(refused, name, old, new, words):
    assert words in refused(name, old, new)


def test_a_name_of_several_lines_is_shown_in_one(refused):
    message = refused("w300", 'name = "RCN+ (L)"', 'name = "RCN\\nplus"\nweigths = {}')
    assert "row RCN plus: unknown key 'weigths'; did you mean 'weights'?" in message


def test_what_a_table_is_made_of_cannot_be_changed_and_is_checked(blocks):
    for value in (blocks, blocks.rows[0], blocks.claims[0], blocks.claims[0].comparisons[0], blocks.budgets["cpu"]):
        with pytest.raises(AttributeError):
            setattr(value, fields(value)[0].name, "another")
    with pytest.raises(ValidationError, match="batch"):
        replace(blocks.budgets["cpu"], batch=-1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Puts tables, the text of Shapes with another name and paper, into the registry, by PAPER/STEM."""

    def fill(**named: tuple[str, str]) -> None:
        for paper, (stem, name) in named.items():
            text = text_of("shapes").replace('name = "shapes"', f'name = "{name}"', 1)
            path = tmp_path / paper / f"{stem}.toml"
            path.parent.mkdir()
            path.write_text(text.replace('paper = "honari2018"', f'paper = "{paper}"', 1), encoding="utf-8")
        monkeypatch.setattr(tables, "FOLDER", tmp_path)

    return fill


def test_two_papers_may_have_a_table_in_a_file_of_one_name(folder):
    folder(b2020=("aflw", "b2020-aflw"), a2019=("aflw", "aflw"))
    assert tables.names() == ["aflw", "b2020-aflw"]
    assert [tables.get(name).paper for name in tables.names()] == ["a2019", "b2020"]
    assert tables.get("b2020/aflw") is tables.get("b2020-aflw")
    for name in ("aflw/a2019", "a2019/b2020-aflw", "../b2020/aflw", "b2020", ""):
        with pytest.raises(UserError, match=f"unknown table '{name}'; known: aflw, b2020-aflw"):
            tables.get(name)


def test_two_tables_of_one_name_are_refused_with_both_files(folder):
    folder(a2019=("aflw", "aflw"), b2020=("aflw", "aflw"))
    words = r"^a2019/aflw.toml and b2020/aflw.toml: both tables are called 'aflw'; call one b2020-aflw$"
    with pytest.raises(UserError, match=words):
        tables.get("aflw")


def test_a_table_is_called_as_its_file(folder):
    folder(a2019=("aflw", "shapes"))
    with pytest.raises(UserError, match=r"^a2019/aflw.toml: name 'shapes'; expected 'aflw' or 'a2019-aflw'$"):
        tables.names()


def test_a_table_is_in_the_folder_of_its_paper(folder, tmp_path):
    folder(a2019=("aflw", "aflw"))
    (tmp_path / "a2019").rename(tmp_path / "b2020")
    with pytest.raises(UserError, match=r"^b2020/aflw.toml: paper 'a2019'; expected 'b2020'$"):
        tables.names()


STAGES = """
stages = [
    { name = "first", weights = { landmarks = 900 }, measured = false, training = { images = 32, rate = 0.01 } },
    { name = "second", weights = { landmarks = 90, elt = 270 }, onset = { elt = 0.5 }, rates = { head = 0.1 }, trains = "head" },
]
readout = "regressed"
"""  # noqa: E501
FIRST = "training = { clip = 100.0, beta2 = 0.98 }\nweights = { landmarks = 900 }"  # of the first row of Blocks

PUBLISHED = 'published = { "0.01" = 8.33, "0.05" = 3.95, "0.1" = 3.35, "0.2" = 1.98, "0.5" = 1.19, "1" = 0.44 }'


def staged(**changes: tuple[str, str]) -> str:
    """The first row of Blocks with two stages, after these replacements in them."""
    text = STAGES
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new, 1)
    return f"training = {{ clip = 100.0, beta2 = 0.98 }}{text}"


def test_a_row_may_have_stages_a_readout_and_rates_of_its_own(edited):
    table = edited(f"{FIRST}\n{PUBLISHED}", f"{staged()}needs_unlabelled = true\nfractions = [0.05, 0.1, 0.2, 0.5]")
    (e,) = table.experiments([0.1], [0], ["Seq-MT (L)"], "smoke")
    first, second = e.stages
    assert (first.name, first.images, first.n_evaluations, first.optimizer.rate) == ("first", 32, 0, 0.01)
    assert (second.name, second.images, second.n_evaluations, second.optimizer.rate) == ("second", 64, 2, 0.001)
    assert (dict(first.weights), dict(second.weights)) == ({"landmarks": 900}, {"landmarks": 90, "elt": 270})
    assert (dict(second.onset), dict(second.optimizer.rates), second.trains) == ({"elt": 0.5}, {"head": 0.1}, "head")
    assert [(s.optimizer.clip, s.optimizer.beta2, s.schedule.warmup) for s in e.stages] == [
        (100.0, 0.98, 1),
        (100.0, 0.98, 2),
    ]
    assert e.evaluation.readout == "regressed" and e.steps == 4 + 8


def test_stages_may_be_written_as_tables_of_their_own(edited):
    lines = (
        "training = { clip = 100.0, beta2 = 0.98 }",
        "[[rows.stages]]\nname = 'first'\nweights = { landmarks = 900 }",
        "[[rows.stages]]\nname = 'second'\nweights = { landmarks = 9, classes = 1 }\nonset = { classes = 0.5 }\n"
        "rates = { head = 10 }",
    )
    table = edited(f"{FIRST}\n{PUBLISHED}", "\n".join((lines[0], PUBLISHED, *lines[1:])))
    (e,) = table.experiments([0.1], [0], ["Seq-MT (L)"], "smoke")
    assert [stage.name for stage in e.stages] == ["first", "second"] and e.terms == ["landmarks", "classes"]
    assert e.stages[1].optimizer.rates == {"head": 10} and e.stages[1].onset == {"classes": 0.5}
    assert table.makes(e) and not tables.get("blocks").makes(e)


def test_a_budget_sets_weight_decay_and_how_the_learning_rate_falls(edited):
    more = 'weight_decay = 0.01\nschedule = "cosine"\nfloor = 0.1\n'
    (e,) = edited("[budgets.smoke]\n", f"[budgets.smoke]\n{more}").experiments([0.1], [0], ["Seq-MT (L)"], "smoke")
    (stage,) = e.stages
    assert stage.optimizer.weight_decay == 0.01 and (stage.schedule.kind, stage.schedule.floor) == ("cosine", 0.1)
    (plain,) = tables.get("blocks").experiments([0.1], [0], ["Seq-MT (L)"], "smoke")
    assert e.key != plain.key and plain.stages[0].schedule.kind == "linear"


def test_a_rate_that_is_the_networks_own_changes_no_key(edited):
    (plain,) = tables.get("blocks").experiments([0.1], [0], ["Seq-MT (L)"], "smoke")
    table = edited(FIRST, f"{FIRST}\nrates = {{ head = 1.0 }}")
    assert table.experiments([0.1], [0], ["Seq-MT (L)"], "smoke")[0].key == plain.key


def test_a_row_without_stages_has_one_with_its_weights_onset_and_rates(blocks):
    (e,) = blocks.experiments([0.1], [0], ["Seq-MT (L+A)"], "smoke")
    row = blocks.row("Seq-MT (L+A)")
    (stage,) = e.stages
    assert (stage.weights, stage.onset, stage.optimizer.rates) == (row.weights, row.onset, row.rates)
    assert row.onset == {"classes": 0.3} and row.rates == {"head": 10} and e.evaluation.readout == "named"
    (shapes,) = tables.get("shapes").experiments(None, [0], ["Seq-MT (A) cured"], "smoke")
    assert shapes.evaluation.readout == "matched"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("landmarks = 90,", "landmark = 90,", ["loss term 'landmark'; known: landmarks, classes"]),
        ("onset = { elt", "onset = { classses", ["'classses'; known: landmarks, elt"]),
        ("rates = { head", "rates = { tail", ["'tail'; known: head"]),
        ('trains = "head"', 'trains = "tail"', ["'tail'; known: head"]),
        ("{ landmarks = 90, elt = 270 }", "{ landmarks = 0 }", ["no loss term has a weight"]),
        ('trains = "head"', "training = { batch = 0 }", ["batch is 0", "'landmarks'"]),
        ('trains = "head"', "training = { batch_unlabelled = 0 }", ["batch_unlabelled is 0", "'elt'"]),
    ],
    ids="unknown term,unknown onset,unknown rates,unknown group,no weight,no labelled,no unlabelled".split(","),
)
def test_a_stage_that_its_method_cannot_do_is_refused_where_the_table_is_read(refused, old, new, words):
    message = refused("blocks", FIRST, staged(change=(old, new)))
    places = ["honari2018/blocks.toml, budget smoke, row Seq-MT (L): seq_mt: ", "stage second: "]
    assert [word for word in [*places, *words] if word not in message] == []


def test_a_stage_without_any_image_is_refused(refused):
    message = refused(
        "shapes",
        "weights = { classes = 1 }",
        'stages = [{ name = "a", weights = { classes = 1 }, training = { batch_unlabelled = 0 } }]',
    )
    assert "budget smoke, row " in message and "batch and batch_unlabelled are both 0" in message


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("hgr1", 'method = "from_points"', 'method = "from_points"\nreadout = "regressed"', "readout 'regressed', and the method predicts no points"),  # noqa: E501
        ("shapes", 'method = "seq_mt"', 'method = "seq_mt"\nreadout = "regressed"', "readout 'regressed' needs labelled images, and fraction is 0"),  # noqa: E501
        ("shapes", 'method = "seq_mt"', 'method = "seq_mt"\nreadout = "named"', "readout 'named', and no image has a landmark; matched fits"),  # noqa: E501
        ("blocks", 'method = "seq_mt"', 'method = "seq_mt"\nreadout = "best"', "row Seq-MT (L), readout: 'best'"),
        ("blocks", FIRST, FIRST + "\nrates = { tail = 2 }", "'tail'; known: head"),
        ("blocks", FIRST, staged(change=("measured = false", "measured = true"), last=('trains = "head"', "measured = false")), "n_evaluations is 0; the last stage is measured"),  # noqa: E501
    ],
    ids="no points,no labels,no names,unknown readout,unknown group,last stage not measured".split(","),
)  # fmt: skip
def test_a_readout_or_rate_that_does_not_fit_is_refused_where_the_table_is_read(refused, name, old, new, words):
    message = refused(name, old, new)
    assert words in message and "row " in message


@pytest.mark.parametrize(
    "name, value", [("weights", "{ landmarks = 900 }"), ("onset", "{ elt = 0.5 }"), ("rates", "{ head = 2 }")]
)
def test_a_row_with_stages_has_no_weights_onset_or_rates_of_its_own(refused, name, value):
    message = refused("blocks", FIRST, f"{staged()}\n{name} = {value}")
    assert message == f"honari2018/blocks.toml, row Seq-MT (L): {name} beside stages; each stage has its own"


def test_no_stage_has_a_length_of_its_own_where_a_budget_caps_what_a_run_processes(refused):
    message = refused("axis-blocks", "ema = 0.998", "ema = 0.998\ntraining = { images = 100 }")
    assert message == (
        "ours/axis-blocks.toml, row Mirror images and an average, budget smoke: a stage's images; "
        "with images_processed a stage has a share"
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("measured = false", "measurd = false", "row Seq-MT (L), stage first: unknown key 'measurd'"),
        ("rate = 0.01", "rat = 0.01", "row Seq-MT (L), stage first, training: unknown key 'rat'"),
        ("elt = 0.5", "elt = 1.5", "row Seq-MT (L), stage second, onset, elt: 1.5 is too large"),
        ('name = "first", ', "", "row Seq-MT (L), stage 1: 'name' is missing"),
    ],
)
def test_a_mistake_in_a_stage_is_named(refused, old, new, words):
    assert words in refused("blocks", FIRST, staged(change=(old, new)))


def test_reading_every_table_loads_no_torch():
    text = "import sys; from landmarklib import tables; print([len(tables.get(n).rows) for n in tables.names()], 'torch' in sys.modules)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{[len(tables.get(name).rows) for name in tables.names()]} False\n", "")


def test_the_command_line_waits_for_no_table_and_tables_for_no_training():
    text = "import sys; import {}; print([m for m in ('pydantic', 'torch') if m in sys.modules])"
    for module, expected in (("landmarklib.__main__", "[]\n"), ("landmarklib.tables", "['pydantic']\n")):
        done = subprocess.run([sys.executable, "-c", text.format(module)], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (expected, "")


def test_a_stage_sees_its_share_of_the_budgets_images():
    table = tables.get("equivariance")
    (e,) = table.experiments(["all"], [0], ["Two-step"], "cpu")
    (alone,) = table.experiments(["all"], [0], ["End to end"], "cpu")
    assert [stage.images for stage in e.stages] == [alone.stages[0].images // 2] * 2
