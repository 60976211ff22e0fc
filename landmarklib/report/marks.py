"""The mark of every verdict: a shape of its own, and a colour that the book's style sheet gives by its name. No torch.

Shapes tell verdicts apart where colours do not.
"""

from __future__ import annotations

from landmarklib.report import claims, markup

CIRCLE = "M-5.5,0a5.5,5.5 0 1,0 11,0a5.5,5.5 0 1,0 -11,0z"
PAPER = "M0,-4L4,0L0,4L-4,0z"  # drawn hollow
# verdict -> its name in the style sheet, its outline in pixels around (0, 0)
SHAPES = {
    claims.EVERYWHERE: ("everywhere", CIRCLE),
    claims.AVERAGE: ("average", "M0,-6L6,5H-6z"),
    claims.MIXED: ("mixed", "M-5,-5H5V5H-5z"),
    claims.NO_EFFECT: ("none", "M-6,-2H6V2H-6z"),
    claims.REVERSED: ("reversed", "M0,6L6,-5H-6z"),
    claims.UNDECIDED: ("undecided", "M-1.5,-6H1.5V-1.5H6V1.5H1.5V6H-1.5V1.5H-6V-1.5H-1.5z"),
    claims.INCOMPLETE: ("incomplete", "M2,-5.5A5.5,5.5 0 0,0 2,5.5z"),
    claims.VOID: (
        "void",
        "M-5.5,-3.5L-3.5,-5.5L0,-2L3.5,-5.5L5.5,-3.5L2,0L5.5,3.5L3.5,5.5L0,2L-3.5,5.5L-5.5,3.5L-2,0z",
    ),
}


def name(verdict: str) -> str:
    """A verdict's class in the style sheet."""
    return f"verdict-{SHAPES[verdict][0]}"


def mark(verdict: str) -> markup.Html:
    """A verdict's mark, to stand before the word."""
    return markup.render("mark", name=name(verdict), path=SHAPES[verdict][1])
