"""What the live console shows, on a terminal: with Rich where it is installed, else as plain lines."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO

from spanledger.cli.table import table
from spanledger.live.shown import Line, Shown, Surface, Tone

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STYLES: dict[Tone, str] = {"plain": "", "good": "green", "warn": "yellow", "bad": "red", "quiet": "dim"}


def surface(stream: TextIO) -> Surface:
    """The surface for a stream: colours only where it is a terminal."""
    if stream.isatty() and find_spec("rich") is not None:
        from rich.console import Console  # noqa: PLC0415  not everybody has it

        return Coloured(Console(file=stream, highlight=False))
    return Plain(stream)


def text_of(shown: Shown) -> str:
    """As text."""
    return shown.text if isinstance(shown, Line) else table(shown.heads, shown.rows, right=shown.figures - 1)


def drawn(shown: Shown) -> RenderableType:
    """As Rich draws it. Names are text, never markup."""
    from rich.table import Table  # noqa: PLC0415  as above
    from rich.text import Text  # noqa: PLC0415  as above

    if isinstance(shown, Line):
        return Text(shown.text, STYLES[shown.tone])
    made = Table(box=None, pad_edge=False, header_style="bold")
    for at, head in enumerate(shown.heads):
        made.add_column(head, justify="right" if at >= len(shown.heads) - shown.figures else "left", no_wrap=at > 0)
    for row in shown.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


class Plain:
    """Lines of text. A stream that takes no more is left alone."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._open = True

    def put(self, *shown: Shown) -> None:
        """Below what is there already; in one piece, so that the app's own lines do not come in between."""
        if not shown or not self._open:
            return
        text = "".join(f"{text_of(one)}\n" for one in shown)
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._open = False


class Coloured:
    """The same with Rich."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._behind = Plain(console.file)  # type: ignore[arg-type]

    def put(self, *shown: Shown) -> None:
        """Below what is there already."""
        with self._console.capture() as captured:
            for one in shown:
                self._console.print(drawn(one), soft_wrap=isinstance(one, Line))
        if text := captured.get().removesuffix("\n"):
            self._behind.put(Line(text))
