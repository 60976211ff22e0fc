"""What every table must keep beyond the rules that it is read by; a new TOML of their folders is tested here the moment
it exists.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from landmarklib import tables
from landmarklib.core import amounts
from landmarklib.core.errors import UserError
from landmarklib.records import record
from landmarklib.report import claims

every_table = pytest.mark.parametrize("name", tables.names())


def experiments_of(table: tables.Table) -> list:
    return [e for budget in table.budgets for e in table.experiments(budget=budget)]


def test_an_unknown_name_is_refused_with_the_known_ones():
    assert tables.names()
    with pytest.raises(UserError, match="'no-such'") as refusal:
        tables.get("no-such")
    assert all(name in str(refusal.value) for name in tables.names())


@every_table
def test_every_budget_gives_a_run_for_each_cell_and_seed(name):
    table = tables.get(name)
    for budget in table.budgets:
        experiments = table.experiments(budget=budget)
        trained = {
            (row.name, table.trained_at(row, amount))
            for row in table.rows
            for amount in table.amounts
            if table.has(row, amount)
        }
        assert len(experiments) == len(trained) * len(table.seeds)


@every_table
def test_defaults_are_the_default_budget(name):
    table = tables.get(name)
    assert [e.key for e in table.experiments()] == [e.key for e in table.experiments(budget=table.default_budget)]


@every_table
def test_keys_of_all_experiments_are_different(name):
    keys = [e.key for e in experiments_of(tables.get(name))]
    assert keys and len(set(keys)) == len(keys)


def test_the_table_of_other_crops_differs_from_mtfls_in_its_data_alone():
    """Else their difference would not be that of the crops."""
    plain, moved = tables.get("mtfl"), tables.get("mtfl-crops")
    (row,) = moved.rows
    assert (moved.dataset, moved.fractions, moved.seeds) == ("mtfl_moved", (1.0,), plain.seeds)
    assert row == replace(plain.row(row.name), published_also={})
    assert set(moved.metrics) <= set(plain.metrics) and moved.select == plain.select
    for budget in moved.budgets:
        for e in moved.experiments(budget=budget):
            of_plain = plain.experiment(plain.row(e.row), e.fraction, e.seed, budget)
            evaluation = replace(of_plain.evaluation, tests=[])
            assert e == replace(of_plain, table=moved.name, dataset=moved.dataset, evaluation=evaluation)
            assert moved.budgets[budget] == replace(plain.budgets[budget], methods={})  # of rows that it has not


@pytest.mark.parametrize("digit", [5, 6])
def test_the_tables_of_digits_differ_in_the_digit_alone(digit):
    first, other = tables.get("digits-3"), tables.get(f"digits-{digit}")
    told = {"table": other.name, "dataset": other.dataset}
    assert [replace(e, **told) for e in experiments_of(first)] == experiments_of(other)
    assert (other.dataset, other.protocol, other.metrics) == (f"mnist_{digit}", first.protocol, first.metrics)


def test_rows_of_face_parsing_learn_to_parse_in_the_same_way():
    """Else their difference would not be that of the discovery before, or of what it leaves frozen."""
    table = tables.get("helen")
    for budget in table.budgets:
        for labels in table.amounts:
            asked = "all" if labels == amounts.ALL else int(labels)
            scratch, frozen, *tuned = table.experiments([asked], [0], None, budget)
            as_one = replace(frozen.stages[1], trains="")
            assert scratch.stages == (replace(as_one, name="train"),)
            assert [e.stages for e in tuned] == [(frozen.stages[0], as_one)] * (asked == "all")
            assert frozen.stages[1].trains == "head" and frozen.stages[0].dataset == "mtfl_wide"


def test_the_papers_accuracies_of_face_parsing_agree_with_its_claims():
    verdicts = claims.evaluate(tables.get("helen"), record.frame([]))
    assert {v.claim.id: v.paper_holds for v in verdicts} == {"T6": True, "T7": True}
