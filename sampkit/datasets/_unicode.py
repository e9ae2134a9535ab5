"""The Unicode code charts as a table of two entity columns, from Python's own database."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

LINE = 16  # code points on a line of the charts
PLANES = (range(0x30000), range(0xE0000, 0xE1000))  # nothing was assigned elsewhere
KINDS = {
    "Lu": "uppercase letter", "Ll": "lowercase letter", "Lt": "titlecase letter",
    "Lm": "modifier letter", "Lo": "other letter", "Mn": "nonspacing mark", "Mc": "spacing mark",
    "Me": "enclosing mark", "Nd": "decimal digit", "Nl": "letter number", "No": "other number",
    "Pc": "connector", "Pd": "dash", "Ps": "opening bracket", "Pe": "closing bracket",
    "Pi": "opening quote", "Pf": "closing quote", "Po": "other punctuation",
    "Sm": "mathematical symbol", "Sc": "currency symbol", "Sk": "modifier symbol",
    "So": "other symbol", "Zs": "space", "Zl": "line separator", "Zp": "paragraph separator",
    "Cf": "format character",
}  # fmt: skip


def load_unicode_chart() -> Any:
    """Characters of Unicode 3.2, line by line of the code charts: a table for diversity sampling.

    A line of a chart shows 16 code points. Its characters have a first word of their name, mostly
    the script (CYRILLIC) or the sort of symbol (CIRCLED), and a kind (the general category). Three
    lines of four are Chinese characters or Korean syllables: a random sample of lines shows little
    else.

    Returns
    -------
    Bunch
        ``frame`` (95156 rows) with the columns ``line`` (label of the line's first code point,
        6028 of them), ``character``, ``word`` (580) and ``kind`` (26); ``DESCR``, ``source``,
        ``licence``, ``citation``.

    Notes
    -----
    The database is ``unicodedata.ucd_3_2_0``, which every Python carries for domain names and which
    stays at this version; so the table is the same everywhere. Characters without a name (controls,
    surrogates, private use) are left out.

    Examples
    --------
    >>> from sampkit.datasets import load_unicode_chart
    >>> frame = load_unicode_chart().frame
    >>> frame.shape, frame["line"].nunique()
    ((95156, 4), 6028)
    >>> frame[frame["character"] == "é"].squeeze().tolist()
    ['U+000E0', 'é', 'LATIN', 'lowercase letter']
    """
    database = unicodedata.ucd_3_2_0
    points, words, kinds = [], [], []
    for plane in PLANES:
        for point in plane:
            character = chr(point)
            name = database.name(character, "")
            if name and (kind := KINDS.get(database.category(character))):
                points.append(point)
                words.append(name.partition(" ")[0])
                kinds.append(kind)
    first = np.array(points) // LINE * LINE
    lines, of_row = np.unique(first, return_inverse=True)
    labels = np.array([f"U+{point:05X}" for point in lines], dtype=object)
    frame = pd.DataFrame(
        {
            "line": labels[of_row],
            "character": [chr(point) for point in points],
            "word": words,
            "kind": kinds,
        }
    )
    source = "Unicode Character Database 3.2.0, by way of Python's unicodedata"
    licence = "Unicode License v3"
    citation = "The Unicode Consortium (2002), The Unicode Standard, Version 3.2.0"
    return Bunch(
        frame=frame,
        DESCR=f"Unicode code charts\n\n{len(frame)} characters on {len(lines)} lines; the first "
        f"word of their names and their kind.\n\nSource: {source}\nLicence: {licence}\n"
        f"Cite: {citation}\n",
        source=source,
        licence=licence,
        citation=citation,
    )
