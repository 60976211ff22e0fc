"""Which records are read for a table."""

from __future__ import annotations

from dataclasses import replace

from experiments import changed
from made import BLOCKS, made, some

from landmarklib.records import query, record


def test_read_gives_the_records_of_one_budget(tmp_path):
    cpu, smoke = some(8.0), [made(e, 20.0) for e in BLOCKS.experiments([0.01], [0], ["Seq-MT (L)"], "smoke")]
    for r in cpu + smoke:
        record.save(r, tmp_path)
    runs, records = query.read(BLOCKS, "smoke", str(tmp_path))
    assert records == smoke and runs.error_px.tolist() == [20.0]


def test_parts_are_joined_with_every_run_once_in_the_order_of_reading(tmp_path):
    several, more = some(8.0, 9.0, 7.0), some(5.0, 6.0, fraction=0.5)
    for r in several + more:
        record.save(r, tmp_path)
    parts = [(BLOCKS, record.frame(part), part) for part in (several[1:], several[:2][::-1], more)]
    table, runs, records = query.join(parts)
    expected, in_order = query.read(BLOCKS, "cpu", tmp_path)
    assert table is BLOCKS and records == in_order and runs.equals(expected)


def test_records_of_other_settings_than_todays_are_in_no_table(tmp_path):
    (today,) = BLOCKS.experiments([0.1], [0], ["Seq-MT (L)"], "cpu")
    for e in (today, changed(today, rate=0.5)):
        record.save(replace(some(8.0)[0], experiment=e), tmp_path)
    assert len(query.load_all(tmp_path, "blocks")) == 2
    for budget in ("cpu", None):
        runs, records = query.read(BLOCKS, budget, tmp_path)
        assert [r.experiment for r in records] == [today] and len(runs) == 1
    assert query.read(BLOCKS, "paper", tmp_path)[1] == []
