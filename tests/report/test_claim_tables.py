"""Claims as readers see them: effects with their unit."""

from __future__ import annotations

from landmarklib import tables
from landmarklib.report import claim_tables
from landmarklib.report.markup import label


def test_a_claims_effect_is_in_percent_or_has_the_unit_of_its_margin():
    faces = tables.get("aflw")
    units = {claim.id: claim_tables.unit(claim) for claim in faces.claims}
    assert units == {"H19": "%", "H20": "%", "H27": "degrees"}
    assert label("angle_error_degrees of yaw") == "error of the head's angles of yaw [degrees]"
