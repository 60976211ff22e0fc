"""What every table must keep; a new TOML of their folders is tested here the moment it exists."""

from __future__ import annotations

import pytest

from landmarklib import datasets, loading, methods, tables
from landmarklib.core import metrics
from landmarklib.core.errors import UserError

every_table = pytest.mark.parametrize("name", tables.names())


def experiments_of(table: tables.Table) -> list:
    return [e for budget in table.budgets for e in table.experiments(budget=budget)]


def test_an_unknown_name_is_refused_with_the_known_ones():
    assert tables.names()
    with pytest.raises(UserError, match="'no-such'") as refusal:
        tables.get("no-such")
    assert all(name in str(refusal.value) for name in tables.names())


@every_table
def test_table_names_things_that_exist(name):
    table = tables.get(name)
    assert table.name == name
    assert table.dataset in datasets.names()
    assert {metrics.base(m) for m in (*table.metrics, table.select)} <= set(metrics.LOWER_IS_BETTER)
    assert set(table.tests) <= set(datasets.names())
    assert len({row.name for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert row.method in methods.names()
        for part in row.stages or (row,):
            assert set(part.onset) <= set(part.weights)
        assert set(row.published) <= set(table.fractions)
    for claim in table.claims:
        assert claim.comparisons
        for c in claim.comparisons:
            assert (c.lower, c.fraction) != (c.higher, c.against) and set(c.metrics) <= set(table.metrics)
            assert {c.fraction, c.against} <= set(table.fractions)
    assert len({claim.id for claim in table.claims}) == len(table.claims)


@every_table
def test_every_budget_gives_experiments_with_known_options_and_terms(name):
    table = tables.get(name)
    assert table.default_budget in table.budgets and "smoke" in table.budgets
    for budget in table.budgets:
        experiments = table.experiments(budget=budget)
        cells = sum(row.has(fraction) for row in table.rows for fraction in table.fractions)
        assert len(experiments) == cells * len(table.seeds)
        for e in experiments:
            methods.check(e)
            given = methods.complete(methods.get(e.method), e.options)
            assert set(given) == set(methods.get(e.method).options)
            assert {k: given[k] for k in e.options} == e.options


@every_table
def test_defaults_are_the_default_budget(name):
    table = tables.get(name)
    assert [e.key for e in table.experiments()] == [e.key for e in table.experiments(budget=table.default_budget)]


@every_table
def test_keys_of_all_experiments_are_different(name):
    keys = [e.key for e in experiments_of(tables.get(name))]
    assert keys and len(set(keys)) == len(keys)


@every_table
def test_every_experiment_can_take_its_steps(name):
    for e in experiments_of(tables.get(name)):
        n_train = e.train_images or loading.get(e.dataset).counts["train"]
        assert 64 <= n_train <= loading.get(e.dataset).counts["train"]
        assert e.fraction == 0 or round(e.fraction * n_train) > 0
        assert 0 < e.evaluation.images <= loading.get(e.dataset).counts["val"]
        method = methods.get(e.method)
        for number, stage in enumerate(e.stages):
            takes = {term: method.terms[term].takes(e.options) for term in stage.weights}
            assert any(weight and not stage.onset.get(term) for term, weight in stage.weights.items())
            assert e.fraction < 1 or "unlabelled" not in takes.values()
            assert e.fraction > 0 or "labelled" not in takes.values() or (number and method.relabel)
            assert stage.schedule.warmup < stage.schedule.plateau * stage.steps
