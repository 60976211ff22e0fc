"""Stand-ins: generated pictures with exact landmarks, for data that nobody may ship. One file per kind of thing, with `draw`.

Image i of a kind depends only on (seed, i) and on what is given, so any count is the beginning of a longer one. No file here knows a data set; a data set's
`write_standin` writes such pictures in its publisher's layout.
"""

from __future__ import annotations
