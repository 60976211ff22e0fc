"""A card per claim, at the head of a table's page: verdict, effect beside the paper's, what that means, data. No torch.

Takes a `Table`, the verdicts on its claims (`claims.evaluate`) and the records that they rest on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from landmarklib import datasets
from landmarklib.core import metrics
from landmarklib.core.types import whole
from landmarklib.records import record
from landmarklib.records.record import Record
from landmarklib.report import aggregate, claim_tables, claims, effects, marks, markup, readings
from landmarklib.tables import Claim, Table


def cards(table: Table, verdicts: Sequence[claims.Verdict], records: Sequence[Record]) -> markup.Html:
    """A card for each verdict; nothing without one."""
    part = aggregate.shown(table, record.frame(list(records))).removeprefix(table.metrics[0])
    shown = [
        {"name": marks.name(v.verdict), "mark": marks.mark(v.verdict), "verdict": v.verdict}
        | {"id": v.claim.id, "anchor": anchor(v.claim), "where": table.where, "text": v.claim.text}
        | {"effect": claim_tables.effect(v), "paper": claim_tables.paper(v), "meaning": meaning(v)}
        | {"data": data(table, v, records), "reading": " ".join(_unlike(table, v, part))}
        for v in verdicts
    ]
    return markup.render("claim_cards", cards=shown) if shown else markup.Html()


def _unlike(table: Table, v: claims.Verdict, part: str) -> list[str]:
    """What is read or measured in unlike ways. part: of the test images, that all here are of, as ` on Common`."""
    other = part and v.n and table.metrics[0] in {c.metric for c in v.claim.comparisons}
    said = [f"Ours is{part}; the paper's is on all its test images."] if other else []
    return said + ([reading] if (reading := readings.of_claim(table, v.claim)) else [])


def of_ours(table: Table, verdicts: Sequence[claims.Verdict], records: Sequence[Record]) -> markup.Html:
    """The cards of the questions that no paper claims."""
    return cards(table, [v for v in verdicts if not v.claim.of_paper], records)


def anchor(claim: Claim) -> str:
    """The place of a claim's card on its page."""
    return "claim-" + re.sub(r"[^A-Za-z0-9]+", "-", claim.id)


def meaning(v: claims.Verdict) -> str:
    """What a verdict says, in a sentence or two, and what the paper's own numbers say where they contradict it."""
    size = f"The effect is {v.size} {'as' if v.size == 'as large' else 'than'} the paper's." if v.size else ""
    says = [_says(v), size]
    if v.why and v.verdict != claims.VOID:
        says.append(f"{_number(v.count(claims.VOID), 'inequality')} cannot be tested: {v.why}.")
    if v.paper_holds is False:
        says.append("The paper's own numbers contradict the claim.")
    return " ".join(filter(None, says))


def _says(v: claims.Verdict) -> str:
    asked = len(v.comparisons) - v.count(claims.VOID)
    hold, turned = v.count(claims.HOLDS), v.count(claims.REVERSED)
    if v.verdict == claims.EVERYWHERE:
        return f"{'Each of the ' if asked > 1 else 'Its '}{_number(asked, 'inequality')} holds."
    if v.verdict == claims.AVERAGE:
        alone = f"{hold or 'none'} hold{'s' * (hold < 2)} alone"
        return f"The mean effect is sure; of {_number(asked, 'inequality')}, {alone}."
    if v.verdict == claims.MIXED:
        mean = " The mean effect is reversed." * (v.high < 0)
        verbs = f"{hold} hold{'s' * (hold == 1)} and {turned} {'is' if turned == 1 else 'are'} reversed"
        return f"Of {_number(asked, 'inequality')}, {verbs}.{mean}"
    if v.verdict == claims.NO_EFFECT:
        return f"The mean effect lies within {100 * v.claim.equivalence_margin:g}% either way."
    if v.verdict == claims.REVERSED:
        return "The opposite is so."
    if v.verdict == claims.UNDECIDED:
        return f"The interval leaves it open; {claim_tables.seeds_needed(v)}."
    if v.verdict == claims.INCOMPLETE:
        missing = v.count(claims.MISSING)
        if not missing:
            return "Its inequalities share no two seeds."
        return f"Of {_number(asked, 'inequality')}, {missing} lack{'s' * (missing == 1)} two seeds."
    return f"The runs cannot test it: {v.why}."


def _number(n: int, word: str) -> str:
    return f"{n} {word.removesuffix('y') + 'ies' if n != 1 else word}"


def data(table: Table, v: claims.Verdict, records: Iterable[Record]) -> str:
    """What the runs behind a verdict saw: tier, images, their side; how many seeds, and how often it was looked at."""
    records = [r for r in records if r.status == "done"]
    cells = {cell for c in v.claim.comparisons for cell in ((c.lower, c.fraction), (c.higher, c.against))}
    behind = [r for r in records if (r.experiment.row, r.experiment.amount) in cells]
    wanted = {metrics.over_images(metric) for c in v.claim.comparisons for metric in c.metrics}
    tests = {r.metrics[metric]["n"] for r in behind for metric in wanted if metric in r.metrics}
    n = v.n or max((c.n for c in v.comparisons if c.verdict == claims.VOID), default=0)
    if not n or not tests:
        return "No run saw such test images." if behind and not tests else "No inequality has runs on both sides."
    of = max((r.data.get("n_labelled", 0) for r in records if r.experiment.fraction == 1), default=0)
    labelled = _range(_n_labelled(v, r) for r in behind)
    of_all = f" of {of:,}" if of and labelled != f"{of:,}" else ""
    made = [name for name in map(whole, table.tests) if datasets.get(name).made_points]
    made = [name for name in made if any(metric.endswith(f" on {name}") for metric in wanted)]
    parts = [
        ", ".join(sorted({aggregate.kind_of_data(table, r.data.get("tier", "")) for r in behind})),
        f"{'all ' if labelled == f'{of:,}' else ''}{labelled}{of_all} {table.labelled_split} images labelled"
        if table.uses_labels
        else "no landmark labels",
        f"{_range(tests)} test images",
        f"{_range(r.experiment.size for r in behind)} px wide",
        f"{n} seed{'s' * (n != 1)} in all cells, {_looks(n)}",
    ]
    parts += [f"points of {name} made here from others" for name in made]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _n_labelled(v: claims.Verdict, r: Record) -> int:
    """The labels that a run's number in a claim is from: fewer than the run has, where a regressor is fitted to few."""
    cell = r.experiment.row, r.experiment.amount
    sides = [
        (side, metric)
        for c in v.claim.comparisons
        for side, metric in zip(((c.lower, c.fraction), (c.higher, c.against)), c.metrics, strict=True)
    ]
    few = [metrics.n_labels(metric) for side, metric in sides if side == cell]
    return max(few) if few and all(few) else r.data.get("n_labelled", 0)


def _looks(n_seeds: int) -> str:
    of = len(effects.STAGES)
    return f"look {effects.looks(n_seeds)} of {of}" if effects.looks(n_seeds) else f"before the first of {of} looks"


def _range(numbers: Iterable[int]) -> str:
    found = sorted(set(numbers))
    return " to ".join(f"{n:,}" for n in dict.fromkeys([found[0], found[-1]]))
