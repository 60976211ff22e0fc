"""Claims as readers see them: whole sentences, counts, effects with their unit."""

from __future__ import annotations

from made import BLOCKS, made, rows_of

from landmarklib import tables
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.report import claim_tables, claims
from landmarklib.report.markup import label


def full(table: tables.Table) -> list[Record]:
    """Two seeds of every cell."""
    return [made(e, 5.0 + e.seed) for e in table.experiments(seeds=[0, 1])]


def test_claims_table_has_the_whole_sentence_and_the_counts():
    runs = record.frame(full(BLOCKS))
    shown = rows_of(claim_tables.per_claim(claims.evaluate(BLOCKS, runs)))
    claim = next(c for c in BLOCKS.claims if c.id == "H3")
    assert shown["H3"][0] == claim.text and len(claim.text) > 60
    assert shown["H3"][1] == "no effect" and "0 / 0 / 35 / 0 / 0" in shown["H3"] and shown["H3"][-1] == "holds"


def test_a_claims_effect_is_in_percent_or_has_the_unit_of_its_margin():
    faces = tables.get("aflw")
    units = {claim.id: claim_tables.unit(claim) for claim in faces.claims}
    assert units == {"H19": "%", "H20": "%", "H27": "degrees"}
    assert label("angle_error_degrees of yaw") == "error of the head's angles of yaw [degrees]"
