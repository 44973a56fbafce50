"""Sound that tells its own position: a chirp at each full second, then tones that spell which second it is.

The chirp (30 ms, 1 to 5 kHz) gives the position to within a sample or two through a matched filter; four tones
after it spell the second modulo 4096 and a checksum. A quiet steady tone below it all makes a gap heard.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

SECONDS_MODULUS = 4096
CHIRP_SECONDS, CHIRP_FROM_HZ, CHIRP_TO_HZ, CHIRP_LEVEL = 0.030, 1000.0, 5000.0, 0.6
TONE_SECONDS, TONE_LEVEL, TONES_START = 0.040, 0.4, 0.040
TONE_HZ = tuple(500.0 + 200.0 * digit for digit in range(16))
STEADY_HZ, STEADY_LEVEL = 220.0, 0.08
MARK_SECONDS = TONES_START + 4 * TONE_SECONDS
"""Length of a whole mark; one that is cut short is not a mark."""
LIKENESS = 0.7
"""Correlation with the chirp that makes a mark; the tones and the steady tone stay below 0.3."""
GAP_LEVEL, GAP_WINDOW_SECONDS = 0.02, 0.010


class SoundUnreadable(Exception):
    """The sound holds no mark, or marks that contradict each other."""


class AudioMark(NamedTuple):
    """A chirp that starts ``at`` this presentation time in seconds and says it is ``second`` (modulo 4096)."""

    at: float
    second: int


def render(start_seconds: float, seconds: float, rate: int) -> Samples:
    """The sound of ``[start_seconds, start_seconds + seconds)`` of an endless film, mono, between -1 and 1."""
    count = round(seconds * rate)
    times = start_seconds + np.arange(count) / rate
    sound = STEADY_LEVEL * np.sin(2 * np.pi * STEADY_HZ * times)
    for second in range(int(start_seconds), int(start_seconds + seconds) + 1):
        mark = _mark(second, rate)
        first = round((second - start_seconds) * rate)
        begin, end = max(first, 0), min(first + len(mark), count)
        if begin < end:
            sound[begin:end] += mark[begin - first : end - first]
    return sound


def find_marks(sound: Samples, rate: int) -> list[AudioMark]:
    """All whole marks in ``sound``; ``at`` counts from its first sample. Chirps whose tones contradict are left out."""
    chirp = _chirp(rate)
    if len(sound) < MARK_SECONDS * rate:
        return []
    size = 1 << (len(sound) + len(chirp) - 1).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(chirp, size))
    match = np.fft.irfft(spectrum, size)[: len(sound) - len(chirp) + 1]
    energy = np.concatenate(([0.0], np.cumsum(sound**2)))
    local = np.sqrt(energy[len(chirp) :] - energy[: -len(chirp)]) * float(np.linalg.norm(chirp)) + 1e-6
    likeness = match / local
    marks = []
    candidates = np.flatnonzero(likeness > LIKENESS)
    for group in np.split(candidates, np.flatnonzero(np.diff(candidates) > rate // 10) + 1) if len(candidates) else []:
        first = int(group[np.argmax(likeness[group])])
        second = _read_second(sound[first:], rate)
        if second is not None:
            marks.append(AudioMark(first / rate, second))
    return marks


def find_gaps(sound: Samples, rate: int) -> list[tuple[float, float]]:
    """Stretches (from, to), in seconds from the first sample, in which even the steady tone is missing."""
    window = round(GAP_WINDOW_SECONDS * rate)
    levels = np.sqrt((sound[: len(sound) // window * window].reshape(-1, window) ** 2).mean(axis=1))
    quiet = np.flatnonzero(levels < GAP_LEVEL)
    if not len(quiet):
        return []
    groups = np.split(quiet, np.flatnonzero(np.diff(quiet) > 1) + 1)
    return [(int(g[0]) * window / rate, (int(g[-1]) + 1) * window / rate) for g in groups]


def _chirp(rate: int) -> Samples:
    times = np.arange(round(CHIRP_SECONDS * rate)) / rate
    slope = (CHIRP_TO_HZ - CHIRP_FROM_HZ) / CHIRP_SECONDS
    wave = np.sin(2 * np.pi * (CHIRP_FROM_HZ * times + slope * times**2 / 2))
    return CHIRP_LEVEL * wave * np.hanning(len(times))


def _digits(second: int) -> tuple[int, int, int, int]:
    value = second % SECONDS_MODULUS
    high, middle, low = value >> 8, value >> 4 & 15, value & 15
    return high, middle, low, (high + 3 * middle + 5 * low + 7) & 15


def _mark(second: int, rate: int) -> Samples:
    mark = np.zeros(round(MARK_SECONDS * rate))
    chirp = _chirp(rate)
    mark[: len(chirp)] = chirp
    times = np.arange(round(TONE_SECONDS * rate)) / rate
    for place, digit in enumerate(_digits(second)):
        first = round((TONES_START + place * TONE_SECONDS) * rate)
        tone = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ[digit] * times) * np.hanning(len(times))
        mark[first : first + len(tone)] += tone[: len(mark) - first]
    return mark


def _read_second(sound: Samples, rate: int) -> int | None:
    """What the tones after a chirp at the first sample spell; None if they are cut short or contradict themselves."""
    times = np.arange(round(TONE_SECONDS * rate)) / rate
    probes = np.exp(-2j * np.pi * np.outer(TONE_HZ, times)) * np.hanning(len(times))
    digits = []
    for place in range(4):
        first = round((TONES_START + place * TONE_SECONDS) * rate)
        piece = sound[first : first + len(times)]
        if len(piece) < len(times) - 2:
            return None
        strength = np.abs(probes[:, : len(piece)] @ piece)
        digits.append(int(np.argmax(strength)))
    second = digits[0] << 8 | digits[1] << 4 | digits[2]
    return second if _digits(second) == tuple(digits) else None
