"""Decides which FFmpeg program does which work, by what each can do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from src.errors import AppError
from src.models.abilities import RUNS, Abilities
from src.models.params import Codec
from src.services.encoding.ability_store import AbilityStore
from src.services.encoding.trials import BASE, part_of
from src.services.ffmpeg_utils_service import FFmpeg
from src.utils.background import in_background
from src.utils.ffmpeg_program import FoundProgram, Origin

log = logging.getLogger(__name__)
_NAMED_REASONS = 3  # of what a program lacks, in a sentence


@dataclass(frozen=True, slots=True)
class Choice:
    """The program for all work in software, and a sentence with the reason."""

    program: FoundProgram
    reason: str


@dataclass(frozen=True, slots=True)
class ProgramReading:
    """A program as operators see it. ``problems``: failed trials, with what went wrong; None before any trial."""

    path: Path
    origin: Origin
    version: str | None
    problems: dict[str, str] | None


class FFmpegPrograms:
    """The programs of this machine, the preferred one first.

    The bundled program does all work in software, unless FFMPEG_PATH names another or the installed one can do all that
    the bundled one can. Trials run when they are needed, never at the start: until those that compare two programs have
    ended, in the background, the first one works.
    """

    def __init__(self, found: Sequence[FoundProgram], store: AbilityStore) -> None:
        """``found``: at least one."""
        self._found, self._store = tuple(found), store
        self._lock = threading.Lock()
        self._comparing = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths of all programs that may do work."""
        return tuple(one.path for one in self._found)

    def software(self) -> FFmpeg:
        """Return the program for work in software, chosen again for each process that it starts."""
        return FFmpeg(lambda: self.choose().program.path)

    def hardware(self) -> tuple[FFmpeg, ...]:
        """Return the programs whose hardware encoders may be tried, in order."""
        chosen = self.choose().program
        others = [one for one in self._found if one != chosen]
        return tuple(FFmpeg(one.path) for one in (chosen, *others))

    def abilities(self, program: Path, codec: Codec, *, lossless: bool) -> Abilities:
        """Return what a program can do for one kind of encode. The first time, its trials take about a second.

        Raises:
            DiskFull, EncodeInterrupted, JobTimeout: the trials were disturbed; a later call repeats them.
        """
        return self._store.examine(program, (BASE, part_of(codec, lossless=lossless)))

    def choose(self) -> Choice:
        """Choose the program for work in software, without waiting for trials."""
        first, *others = self._found
        if first.origin == "configured":
            return Choice(first, "FFMPEG_PATH names it")
        if not others:
            return Choice(first, "It is the only FFmpeg here")
        known = {one: self._store.read(one.path) for one in self._found}
        if None in known.values():
            self._compare()
            return Choice(first, "It is the bundled one, and the installed one is being tried")
        return self._best({one: able for one, able in known.items() if able is not None})

    def examine_all(self) -> None:
        """Run the trials of all programs that have not been tried.

        Raises:
            DiskFull, EncodeInterrupted, JobTimeout: they were disturbed.
        """
        for one in self._found:
            self._store.examine(one.path)

    def report(self) -> tuple[Choice, tuple[ProgramReading, ...]]:
        """Return which program works, and what is known of all; missing trials run in the background.

        The bundled program alone is not tried for it: there is no other to choose.
        """
        if [one.origin for one in self._found] != ["bundled"] and self._unknown():
            self._compare()
        return self.choose(), tuple(_reading(one, self._store.known(one.path)) for one in self._found)

    def _unknown(self) -> bool:
        return any(self._store.read(one.path) is None for one in self._found)

    def _best(self, known: dict[FoundProgram, Abilities]) -> Choice:
        bundled, installed = self._found
        lacking = known[installed].lacks(known[bundled])
        if not known[installed].usable:
            return Choice(bundled, f"The installed FFmpeg does not work here: {known[installed].trials.get(RUNS)}")
        if lacking:
            named = ", ".join(lacking[:_NAMED_REASONS])
            more = f" and {len(lacking) - _NAMED_REASONS} more" if len(lacking) > _NAMED_REASONS else ""
            return Choice(bundled, f"The installed FFmpeg can do less than the bundled one: {named}{more}")
        return Choice(installed, "The installed FFmpeg can do all that the bundled one can")

    def _compare(self) -> None:
        """Start the trials in the background, once."""
        with self._lock:
            if self._comparing:
                return
            self._comparing = True
        in_background(self._examine_quietly, "ffmpeg-trials")

    def _examine_quietly(self) -> None:
        try:
            self.examine_all()
        except (AppError, OSError) as error:
            log.warning("the FFmpeg programs could not be tried: %s", error)
        finally:
            with self._lock:
                self._comparing = False


_SHARED = AbilityStore()


def only_program(path: Path) -> FFmpegPrograms:
    """Return a single program for all work, whose abilities are stored in the memory of this process."""
    return FFmpegPrograms([FoundProgram(path, "configured")], _SHARED)


def _reading(found: FoundProgram, able: Abilities | None) -> ProgramReading:
    if able is None:
        return ProgramReading(found.path, found.origin, None, None)
    problems = {name: problem for name, problem in able.trials.items() if problem}
    return ProgramReading(found.path, found.origin, able.version, problems)
