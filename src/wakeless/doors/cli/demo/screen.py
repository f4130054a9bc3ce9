"""What the demo shows: lines that stay, and on a terminal one live line below them."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from wakeless.doors.cli.demo.stage import Datapoint
from wakeless.doors.cli.show import STATUS_STYLES, console, line, local

#: Datapoints in the live line.
_KEPT = 40


class Screen:
    """Shows the story; `plain` prints every datapoint as a line instead of drawing."""

    def __init__(self, *, plain: bool, stderr: bool = False) -> None:
        self._out: Console = console(stderr=stderr)
        self._plain = plain or not self._out.is_terminal
        self._began = time.monotonic()
        self._points: deque[float] = deque(maxlen=_KEPT)
        self._state = ""
        self._waiting = ""
        self._live = None if self._plain else Live(console=self._out, get_renderable=self._footer, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the lines, take away what is live."""
        if self._live is not None:
            self._live.transient = True
            self._live.stop()
            self._live = None

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        """Begin a part of the story."""
        self._out.print()
        self._print(Text(text, style="bold"))

    def say(self, text: str, style: str = "default") -> None:
        """Print one thing that happened, with the seconds since the beginning."""
        self._print(Text(f"{self.elapsed:5.1f} s  ", style="dim").append(line(text), style=style))

    def output(self, row: str, *, error: bool = False) -> None:
        """Print one line that the remediation wrote."""
        self._print(Text("         | ", style="dim").append(row, style="red" if error else "cyan"))

    def row(self, *cells: Text) -> None:
        """Print one line of a summary."""
        self._print(Text("  ").join(cells))

    def datapoint(self, point: Datapoint) -> None:
        """Show one datapoint."""
        self._points.append(point.value)
        if self._plain:
            style = "green" if point.value else "red"
            self._print(
                Text(f"{self.elapsed:5.1f} s  ", style="dim").append(
                    f"webapp-uptime = {point.value:g}  ({local(point.at)})", style=style
                )
            )

    def state(self, state: str) -> None:
        """Show the alarm's state in the live line."""
        self._state = state

    def waiting(self, text: str) -> None:
        """Say in the live line what is being waited for; plain output says it once."""
        if text and text != self._waiting and self._plain:
            self.say(text, "dim")
        self._waiting = text

    def _print(self, text: Text) -> None:
        self._out.print(text, soft_wrap=True)
        if self._plain:
            self._out.file.flush()

    def _footer(self) -> Group:
        points = Text("  webapp-uptime  ", style="bold")
        for value in self._points:
            points.append("█" if value else "▁", style="green" if value else "bold red")
        state = Text("  alarm  ", style="bold").append(self._state or "-", style=STATUS_STYLES.get(self._state, ""))
        state.append(f"   {self.elapsed:.0f} s   ", style="dim").append(self._waiting, style="dim")
        return Group(Rule(style="dim"), points, state)
