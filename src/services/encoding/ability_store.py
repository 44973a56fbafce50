"""Stores what FFmpeg programs can do, so that each is tried once per machine and not once per process."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import logging
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path

from src.models.abilities import Abilities
from src.services.encoding import presets, trials
from src.services.ffmpeg_utils_service import ENVIRONMENT
from src.utils.program_answers import answer_of
from src.utils.sandbox import available
from src.utils.whole_file import write_whole

log = logging.getLogger(__name__)
_VERSION_SECONDS = 20.0
# Rewritten whenever a library is installed: the encoders of a distribution's FFmpeg are libraries of their own.
_LIBRARIES = Path("/etc/ld.so.cache")


class AbilityStore:
    """The abilities of programs, by path, size, times and version of the program; in a folder, and in memory."""

    def __init__(
        self,
        folder: Path | None = None,
        examine: Callable[[Path, str, Path | None], Abilities] = trials.examine_program,
    ) -> None:
        """Without a ``folder``, they are only stored in memory. ``examine`` runs the trials of one part."""
        self._folder, self._examine = folder, examine
        self._known: dict[str, Abilities] = {}

    def read(self, program: Path, parts: Sequence[str] = trials.PARTS) -> Abilities | None:
        """Return the abilities of a program if the trials of these parts are done."""
        return _joined([self._read(f"{_key(program)}-{part.replace(' ', '-')}") for part in parts])

    def known(self, program: Path) -> Abilities | None:
        """Return the abilities that the trials so far have shown."""
        found = [self.read(program, [part]) for part in trials.PARTS]
        return _joined([part for part in found if part is not None])

    def _read(self, key: str) -> Abilities | None:
        if key not in self._known:
            stored = self._stored(key)
            if stored is None:
                return None
            self._known[key] = stored
        return self._known[key]

    def examine(self, program: Path, parts: Sequence[str] = trials.PARTS) -> Abilities:
        """Return the abilities of a program, after the trials that are missing of these parts; another process that
        runs them is waited for.

        Raises:
            DiskFull, EncodeInterrupted, JobTimeout: the trials were disturbed.
        """
        known = self.read(program, parts)
        if known is not None:
            return known
        with self._only_one() as folder:
            found = [self._read_or_examine(program, part, folder) for part in parts]
        joined = _joined(found)
        assert joined is not None
        return joined

    def _read_or_examine(self, program: Path, part: str, folder: Path | None) -> Abilities:
        key = f"{_key(program)}-{part.replace(' ', '-')}"
        found = self._read(key)
        if found is None:
            found = self._examine(program, part, folder)
            self._known[key] = found
            self._store(key, found)
            failed = [name for name, problem in found.trials.items() if problem]
            log.info("FFmpeg %s (%s), %s: it lacks %s", program, found.version, part, ", ".join(failed) or "nothing")
        return found

    @contextmanager
    def _only_one(self) -> Iterator[Path | None]:
        """Keep other processes from the same trials. Yields the folder if it can be used."""
        with ExitStack() as stack:
            folder = self._folder
            try:
                if folder is not None:
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    file = stack.enter_context((folder / "lock").open("w"))
                    fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                log.warning("the abilities of FFmpeg cannot be stored: %s", error)
                folder = None
            yield folder

    def _stored(self, key: str) -> Abilities | None:
        if self._folder is None:
            return None
        try:
            return Abilities.of_fields(json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # missing or damaged: tried again
            return None

    def _store(self, key: str, found: Abilities) -> None:
        if self._folder is None:
            return
        try:
            write_whole(self._folder / f"{key}.json", json.dumps(found.to_fields()).encode())
        except OSError as error:
            log.warning("the abilities of FFmpeg could not be stored: %s", error)


def _joined(parts: Sequence[Abilities | None]) -> Abilities | None:
    """Return the abilities of all parts, or None if one is unknown."""
    known = [part for part in parts if part is not None]
    return functools.reduce(Abilities.with_part, known) if known and len(known) == len(parts) else None


def _key(program: Path) -> str:
    """Return a name that changes with the program, its libraries, the sandbox, and our trials."""
    facts: list[object] = [str(program), available().files, _trials_of_ours()]
    for path in (program, _LIBRARIES):
        try:
            found = path.stat()
            facts += [found.st_size, found.st_mtime_ns]
        except OSError:
            facts.append(None)
    return hashlib.sha256(repr((facts, _version(program, *map(repr, facts)))).encode()).hexdigest()[:32]


@lru_cache(maxsize=16)
def _version(program: Path, *_facts: str) -> str:
    """Return all that a program says about its version; once for a program with the same facts."""
    command = [str(program), "-hide_banner", "-nostdin", "-version"]
    try:
        return answer_of(command, env=ENVIRONMENT, seconds=_VERSION_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""


@lru_cache(maxsize=1)
def _trials_of_ours() -> str:
    """Return a name of the trials and of the settings that they use."""
    parts = (trials.LOSSLESS, trials.LOSSY, trials.LIGHT, trials.FILTERS, trials.ENCODERS)
    settings = (presets.LOSSLESS, presets.SPEED, presets.CRF)
    return hashlib.sha256(repr((parts, settings)).encode()).hexdigest()
