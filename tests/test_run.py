from landmarklib import run, tables, record

def test_every_row_of_blocks_runs(tmp_path):
    frame = run.ensure("blocks", fractions=[0.1], seeds=[0], budget="smoke", workers=1, results=tmp_path)
    assert (frame.status == "done").all() and len(frame) == 8
    frame = run.ensure("shapes", seeds=[0], budget="smoke", workers=2, results=tmp_path)
    assert (frame.status == "done").all() and len(frame) == 2
    record.load_all(tmp_path, "shapes")
