"""From a figure to a picture in the report, all of one look; the only place with its colours."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ._task import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACCENT, INK, QUIET, SECOND = "#b4430f", "#1c1b19", "#a8a196", "#4a7284"
DOTS_PER_INCH = 190

# Light only: where the reader's page is dark, the style sheet inverts the picture.
STYLE: Any = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ece8e1",
    "xtick.color": "#6b675f",
    "ytick.color": "#6b675f",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "axes.prop_cycle": f"cycler(color={[QUIET, ACCENT, INK, SECOND]})",
    "lines.linewidth": 2,
}


@dataclass(frozen=True)
class RenderedPicture:
    """A picture as a PNG file in memory.

    Parameters
    ----------
    caption, alt : str
        As in :class:`Picture`.
    png : bytes
        The file.
    width, height : int
        Size in CSS pixels; the file holds about two dots for each.
    """

    caption: str
    alt: str
    png: bytes
    width: int
    height: int

    @property
    def data_uri(self) -> str:
        """The file as an address that a page can carry inside itself."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def can_draw() -> bool:
    """Return whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def render_picture(picture: Picture) -> RenderedPicture:
    """Draw `picture` in the report's style.

    Parameters
    ----------
    picture : Picture
        What to draw.

    Returns
    -------
    RenderedPicture
        The file and its size.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure = picture.draw()
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    width, height = (round(float(inches) * 100) for inches in figure.get_size_inches())
    return RenderedPicture(picture.caption, picture.alt, buffer.getvalue(), width, height)


def new_figure(width: float = 5.6, height: float = 4.4) -> Figure:
    """Return an empty figure of the report's usual size, without any global state.

    Parameters
    ----------
    width, height : float, default=5.6, 4.4
        Inches; 100 CSS pixels each.

    Returns
    -------
    matplotlib.figure.Figure
        With constrained layout.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
