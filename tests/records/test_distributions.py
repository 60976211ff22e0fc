"""The distribution of a record's errors: as it was where every error is kept, and as near as an older record tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import HANDS, made

from landmarklib.core import metrics
from landmarklib.core.errors import UserError
from landmarklib.records import distributions, query, record
from landmarklib.records.record import Record

RNG = np.random.default_rng(0)
SPREAD = {
    "none fails": np.minimum(RNG.lognormal(np.log(3), 0.3, 300), 9.0),
    "one fails": np.append(np.minimum(RNG.lognormal(np.log(4), 0.3, 299), 9.9), 60.0),
    "one is far out": np.append(np.full(299, 3.0), 1000.0),
    "some fail": np.append(RNG.lognormal(np.log(4), 0.3, 291), RNG.uniform(30, 100, 9)),
    "a third fails": RNG.lognormal(np.log(8), 0.5, 300),
    "nearly all fail": RNG.lognormal(np.log(20), 0.3, 300),
    "all fail": RNG.uniform(10.1, 50, 300),
}


def of(errors: np.ndarray, older: bool) -> Record:
    """The record of a run with these errors, as it is written today or was before every error was kept."""
    per_image = {"nme_percent": errors, "failures_percent": metrics.failures(errors)}
    per_image |= {} if older else {"auc_percent": metrics.area(errors)}
    (e,) = HANDS.experiments([0.05], [0], ["Seq-MT (L)"])
    found = {n: {"mean": round(float(np.nanmean(v)), 4), "n": int((~np.isnan(v)).sum())} for n, v in per_image.items()}
    quantiles = tuple(np.round(np.nanquantile(errors, np.linspace(0, 1, 21)), 4).tolist())
    return made(e, metrics=found, quantiles=quantiles, errors="" if older else distributions.packed(errors))


def test_errors_are_kept_in_their_order_with_those_that_there_are_none_of():
    errors = np.array([3.14159, np.nan, 0.0, 10.0, 10.001, 655.3, 1e9, np.inf])
    kept = distributions.unpacked(distributions.packed(errors))
    assert np.allclose(kept, [3.15, np.nan, 0, 10, 10.01, 655.3, 655.34, 655.34], equal_nan=True, atol=1e-9)
    assert len(distributions.packed(np.full(3000, 5.0))) == 8000


@pytest.mark.parametrize("text", ["A", "AAAA", "AA==", "....", "\u00e4", "AAAA\n"])
def test_what_is_no_list_of_errors_is_refused_by_the_records_name(text):
    r = replace(of(SPREAD["some fail"], older=False), errors=text)
    with pytest.raises(UserError, match=f"^{r.key}: errors: not the base64 of two bytes an image; delete or restore"):
        distributions.share_within(r, np.array([1.0]))


@pytest.mark.parametrize("errors", SPREAD.values(), ids=list(SPREAD))
def test_a_record_with_every_error_draws_it_truly_and_keeps_its_area(errors):
    r = of(np.append(errors, np.nan), older=False)
    limits = np.linspace(0, 20, 41)
    assert distributions.share_within(r, limits) == pytest.approx([100 * np.mean(errors <= x) for x in limits])
    area, exact = distributions.auc(r)
    assert exact and area == pytest.approx(np.maximum(0, 100 - 10 * errors).mean(), abs=1e-4)


@pytest.mark.parametrize("name", SPREAD)
def test_an_older_record_tells_exactly_what_it_can_and_says_so_where_it_cannot(name):
    errors, r = SPREAD[name], of(SPREAD[name], older=True)
    expected = np.maximum(0, 100 - 10 * errors).mean()
    area, exact = distributions.auc(r)
    assert exact == (name in ("none fails", "one fails", "one is far out", "all fail"))
    assert area == pytest.approx(expected, abs=0.001 if exact else 0.5)
    (line,) = record.frame([r]).to_dict("records")
    assert line["auc_percent"] == area and line["approximate"] == ("" if exact else "auc_percent")
    limits = np.append(np.linspace(0, 20, 401), metrics.FAILURE)
    drawn = distributions.share_within(r, limits)
    assert drawn[-1] == pytest.approx(100 * np.mean(errors <= metrics.FAILURE), abs=1e-3)
    assert (np.diff(drawn[:-1]) >= 0).all() and 0 <= drawn.min() and drawn.max() <= 100
    highest = dict(zip(r.quantiles, np.linspace(0, 100, 21), strict=True))  # share of each, the last of equal ones
    for quantile, share in highest.items():
        assert abs(distributions.share_within(r, np.array([quantile]))[0] - share) < 1


def test_a_record_without_quantiles_or_normalizer_has_no_area():
    older = of(SPREAD["some fail"], older=True)
    in_pixels = replace(older, metrics={"error_px": older.metrics["nme_percent"]})
    for r in (replace(older, quantiles=()), in_pixels):
        assert np.isnan(distributions.auc(r)[0]) and "auc_percent" not in record.frame([r])


def test_every_committed_curve_passes_through_the_recorded_share_of_failures():
    records = [r for r in query.load_all(record.results_folder(), "w300") if "failures_percent" in r.metrics]
    found = [distributions.share_within(r, np.array([metrics.FAILURE]))[0] for r in records]
    assert found == pytest.approx([100 - r.metrics["failures_percent"]["mean"] for r in records])
