"""A frame number as 40 black or white blocks, and back: 28 bits of number and 12 of checksum.

The blocks fill the picture, 8 columns by 5 rows, so that at 256x144 one still measures 32x28 pixels. Their two
levels (48 and 208) are far enough from each other and from the ends of the scale to survive coarse quantisation and
a mix-up of limited and full range; a block that is neither, or a checksum that does not fit, is an error, never a
wrong number.
"""

from __future__ import annotations

import zlib

import av
import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 8, 5
NUMBER_BITS, CHECK_BITS = 28, 12
DARK, BRIGHT = 48, 208
UNDECIDED = (100, 156)
"""Mean levels between these belong to no bit."""
MOST_SPREAD = 60.0
"""Standard deviation inside a block above which it is not one block (flat with noise of strength 40: below 30)."""
_SAMPLES = 6


class FrameUnreadable(Exception):
    """A frame does not show one valid number."""


def blocks(number: int) -> NDArray[np.uint8]:
    """The picture of ``number`` with one grey pixel for each block, shape (5, 8)."""
    if not 0 <= number < 1 << NUMBER_BITS:
        raise ValueError(f"{number} does not fit into {NUMBER_BITS} bits")
    word = number << CHECK_BITS | _checksum(number)
    bits = np.array([word >> shift & 1 for shift in reversed(range(ROWS * COLUMNS))], dtype=bool)
    return np.where(bits, BRIGHT, DARK).astype(np.uint8).reshape(ROWS, COLUMNS)


def read_number(frame: av.VideoFrame) -> int:
    """The number that a decoded frame shows.

    Raises:
        FrameUnreadable: a block is neither dark nor bright, is not uniform, or the checksum does not fit.
    """
    samples = _samples(frame)
    levels, spread = samples.mean(axis=(1, 3)), samples.std(axis=(1, 3))
    if bool(np.any((levels > UNDECIDED[0]) & (levels < UNDECIDED[1]))) or float(spread.max()) > MOST_SPREAD:
        raise FrameUnreadable(f"frame at {frame.time} s: its blocks cannot be told apart")
    word = int("".join("1" if level > UNDECIDED[1] else "0" for level in levels.flat), 2)
    number, check = word >> CHECK_BITS, word & (1 << CHECK_BITS) - 1
    if check != _checksum(number):
        raise FrameUnreadable(f"frame at {frame.time} s: the checksum does not fit number {number}")
    return number


def _checksum(number: int) -> int:
    return zlib.crc32(b"frame" + number.to_bytes(4, "big")) & (1 << CHECK_BITS) - 1


def _sample_places(count: int, length: int) -> NDArray[np.intp]:
    """Six places in the middle half of each of ``count`` equal parts of ``length`` pixels."""
    inside = 0.25 + 0.5 * (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    return ((np.arange(count)[:, None] + inside[None, :]) * length / count).astype(np.intp).ravel()


def _samples(frame: av.VideoFrame) -> NDArray[np.float64]:
    """Brightness between 0 and 255 at 6x6 places of each block, shape (5, 6, 8, 6)."""
    component = frame.format.components[0]
    if not component.is_luma or (len(frame.format.components) > 1 and not frame.format.is_planar):
        frame = frame.reformat(format="gray")
        component = frame.format.components[0]
    plane = frame.planes[0]
    places = np.ix_(_sample_places(ROWS, frame.height), _sample_places(COLUMNS, frame.width))
    if component.bits == 8:
        narrow = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        picked = narrow[places].astype(np.float64)
    else:
        wide = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
        picked = wide[places].astype(np.float64) / 2 ** (component.bits - 8)
    return picked.reshape(ROWS, _SAMPLES, COLUMNS, _SAMPLES)
