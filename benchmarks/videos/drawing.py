"""Shared drawing: frames as three planes of 4:2:0 video, textures, camera moves, shapes, and letters.

Everything is deterministic: each recipe has its own seed. Luma and chroma are in the limited range (16-235, 16-240).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 720
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Color = tuple[int, int, int]


@dataclass
class Frame:
    """One frame: luma ``HEIGHT`` x ``WIDTH`` and two chroma planes of half that size."""

    luma: Bytes
    blue: Bytes
    red: Bytes

    def data(self) -> bytes:
        """The frame as yuv420p."""
        return self.luma.tobytes() + self.blue.tobytes() + self.red.tobytes()

    def copy(self) -> Frame:
        """Another frame with the same content."""
        return Frame(self.luma.copy(), self.blue.copy(), self.red.copy())


def blank(color: Color = (16, 128, 128), size: tuple[int, int] = (WIDTH, HEIGHT)) -> Frame:
    """A frame of one colour (luma, blue, red)."""
    width, height = size
    half = (height // 2, width // 2)
    return Frame(
        np.full((height, width), color[0], np.uint8),
        np.full(half, color[1], np.uint8),
        np.full(half, color[2], np.uint8),
    )


def box(frame: Frame, x: int, y: int, width: int, height: int, color: Color) -> None:
    """Fill a rectangle; parts outside of the frame are left out."""
    left, top = max(x, 0), max(y, 0)
    right, bottom = max(x + width, 0), max(y + height, 0)
    frame.luma[top:bottom, left:right] = color[0]
    frame.blue[top // 2 : bottom // 2, left // 2 : right // 2] = color[1]
    frame.red[top // 2 : bottom // 2, left // 2 : right // 2] = color[2]


def ellipse(
    frame: Frame, x: float, y: float, radius_x: float, radius_y: float, color: Color, outline: float = 0.0
) -> None:
    """Fill an ellipse with a soft edge of a pixel, with a dark ``outline`` of so many pixels around it."""
    for plane, scale, value, dark in (
        (frame.luma, 1, color[0], 24),
        (frame.blue, 2, color[1], 128),
        (frame.red, 2, color[2], 128),
    ):
        rx, ry, cx, cy = radius_x / scale, radius_y / scale, x / scale, y / scale
        around = outline / scale
        left, right = max(int(cx - rx - around - 2), 0), max(int(cx + rx + around + 3), 0)
        top, bottom = max(int(cy - ry - around - 2), 0), max(int(cy + ry + around + 3), 0)
        part = plane[top:bottom, left:right]
        if not part.size:
            continue
        ys, xs = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
        far = np.sqrt(((xs - cx) / rx) ** 2 + ((ys - cy) / ry) ** 2)
        inside = (1.0 - far) * min(rx, ry)  # pixels from the edge
        drawn = part.astype(np.float32)
        if around:
            cover = np.clip(inside + around + 0.5, 0, 1)
            drawn += (dark - drawn) * cover
        cover = np.clip(inside + 0.5, 0, 1)
        drawn += (value - drawn) * cover
        part[...] = np.round(drawn)


def texture(seed: int, width: int, height: int, roughness: float = 1.0) -> Floats:
    """A texture like those of nature: amplitude falls with frequency (1/f^roughness); mean 0, deviation 1; it tiles."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    ys = np.fft.fftfreq(height)[:, None] * height
    xs = np.fft.rfftfreq(width)[None, :] * width
    frequency = np.sqrt(ys**2 + xs**2)
    frequency[0, 0] = np.inf
    made = np.fft.irfft2(spectrum / frequency**roughness, s=(height, width))
    scaled: Floats = (made / made.std()).astype(np.float32)
    return scaled


def view(source: Floats, x: float, y: float, width: int, height: int) -> Floats:
    """A window into a texture at a place between the pixels (bilinear)."""
    left, top = int(np.floor(x)), int(np.floor(y))
    part = source[top : top + height + 1, left : left + width + 1]
    along, down = np.float32(x - left), np.float32(y - top)
    rows = part[:-1] + (part[1:] - part[:-1]) * down
    seen: Floats = rows[:, :-1] + (rows[:, 1:] - rows[:, :-1]) * along
    return seen


def as_bytes(plane: Floats, low: int = 16, high: int = 235) -> Bytes:
    """A plane of numbers as bytes of the limited range."""
    return np.clip(np.rint(plane), low, high).astype(np.uint8)


def wander(rng: np.random.Generator, count: int, smooth: int) -> Floats:
    """A smooth random path of ``count`` values with deviation 1, as a hand that holds a camera."""
    steps = rng.standard_normal(count + 2 * smooth)
    window = np.hanning(2 * smooth + 1)
    path = np.convolve(steps, window / window.sum(), mode="valid")
    moved: Floats = ((path - path.mean()) / max(float(path.std()), 1e-9)).astype(np.float32)
    return moved


def letters(seed: int, count: int = 60) -> Floats:
    """``count`` signs of 10 x 18 pixels, made of strokes with soft edges, 0 (paper) to 1 (ink)."""
    rng = np.random.default_rng(seed)
    signs = np.zeros((count, 36, 20), np.float32)
    for sign in signs:
        for _ in range(int(rng.integers(2, 5))):
            column, row = int(rng.integers(2, 15)), int(rng.integers(4, 24))
            kind = int(rng.integers(3))
            if kind == 0:
                sign[4:28, column : column + 3] = 1
            elif kind == 1:
                sign[row : row + 3, 2:17] = 1
            else:
                for step in range(15):
                    sign[4 + step * 3 // 2 : 8 + step * 3 // 2, 2 + step : 5 + step] = 1
    soft: Floats = signs.reshape(count, 18, 2, 10, 2).mean((2, 4))
    return soft
