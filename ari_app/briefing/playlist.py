"""What is being said to the supervisor and what was really heard of it. Pure."""

from __future__ import annotations

from ari_app.briefing.turns import Line, Say


class Playlist:
    def __init__(self) -> None:
        self.heard: tuple[str, ...] = ()
        "Texts of the lines that were played to their end, in order."
        self._says: list[Say] = []
        "What was not heard to its end."
        self._numbered = 0

    @property
    def lines(self) -> list[Line]:
        """What was not heard to its end, also when it was cut off."""
        return [say.line for say in self._says]

    def add(self, *lines: Line) -> list[Say]:
        says = [Say(number, line) for number, line in enumerate(lines, self._numbered + 1)]
        self._numbered += len(lines)
        self._says += says
        return says

    def played(self, number: int) -> None:
        """The playout has reached the end of this line, and so of those before."""
        self.heard += tuple(say.line.text for say in self._says if say.number <= number)
        self._says = [say for say in self._says if say.number > number]

    def clear(self) -> None:
        self._says = []
