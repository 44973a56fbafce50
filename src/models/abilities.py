"""Defines what an FFmpeg program can do, as its own lists and trials have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

RUNS: Final = "run"
"""The trial without which a program is of no use: to start, in the sandbox, with the options of every job."""

TONE_MAP: Final = "tone mapping"
"""The trial of the filters that turn HDR into SDR."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """The abilities of one program.

    ``version`` is only displayed. ``decodes``: codecs that it can decode. ``trials``: each trial by name, with the
    problem that it showed, or an empty text if it succeeded.
    """

    version: str
    decodes: frozenset[str] = frozenset()
    trials: Mapping[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether the program can be used at all."""
        return self.can(RUNS)

    def can(self, trial: str) -> bool:
        """Whether a trial succeeded; one that did not take place did not."""
        return self.trials.get(trial) == ""

    def lossless(self, encoder: str, pixel_format: str) -> bool:
        """Whether the frames that this encoder wrote without loss were equal, bit by bit."""
        return self.can(lossless_trial(encoder, pixel_format))

    def encodes(self, encoder: str, pixel_format: str) -> bool:
        """Whether this encoder works with the settings of the presets."""
        return self.can(encode_trial(encoder, pixel_format))

    def lacks(self, other: Abilities) -> tuple[str, ...]:
        """Return what the other program can do and this one cannot, as names of trials and of codecs."""
        trials = [name for name, problem in other.trials.items() if not problem and not self.can(name)]
        return (*trials, *(f"decode {codec}" for codec in sorted(other.decodes - self.decodes)))

    def with_part(self, other: Abilities) -> Abilities:
        """Return these abilities and those of further trials of the same program."""
        return Abilities(self.version, self.decodes | other.decodes, {**self.trials, **other.trials})

    def to_fields(self) -> dict[str, Any]:
        """Return the abilities as they are stored."""
        return {"version": self.version, "decodes": sorted(self.decodes), "trials": dict(self.trials)}

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Abilities:
        """Read stored abilities.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: they are damaged.
        """
        trials = {str(name): str(problem) for name, problem in fields["trials"].items()}
        return cls(str(fields["version"]), frozenset(map(str, fields["decodes"])), trials)


def lossless_trial(encoder: str, pixel_format: str) -> str:
    """Return the name of the trial of a lossless encode."""
    return f"lossless {encoder} {pixel_format}"


def encode_trial(encoder: str, pixel_format: str) -> str:
    """Return the name of the trial of an encode with the settings of the presets."""
    return f"encode {encoder} {pixel_format}"


def light_trial(encoder: str) -> str:
    """Return the name of the trial that passes HDR metadata to an encoder."""
    return f"HDR metadata {encoder}"


def filter_trial(name: str) -> str:
    """Return the name of the trial of a filter."""
    return f"filter {name}"


def encoder_trial(name: str) -> str:
    """Return the name of the trial of an encoder without settings of ours: audio, and others that are not tuned."""
    return f"encoder {name}"
