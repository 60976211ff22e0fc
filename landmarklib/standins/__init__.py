"""Stand-ins: generated pictures with exact landmarks, for data that nobody may ship.

There is one file per kind of thing, with `draw(n, size, seed, first, **given) -> Annotations`. Image i of a kind
depends only on (seed, i) and on what is given, so any number of images is the beginning of a larger one. No file here
knows a data set: a data set's `write_standin` writes such pictures in its publisher's layout. `landmarklib.drawing` has
what the kinds share.
"""

from __future__ import annotations
