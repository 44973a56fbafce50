"""Camera footage with grain: a day scene from the hand, and a dark street from a tripod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.videos.drawing import HEIGHT, WIDTH, Floats, Frame, as_bytes, blank, ellipse, texture, view, wander

_HALF = (WIDTH // 2, HEIGHT // 2)


class Grain:
    """Grain of a sensor: new in every frame, correlated with its neighbours, stronger where more light falls."""

    def __init__(self, rng: np.random.Generator) -> None:
        field = rng.standard_normal((1024, 2048)).astype(np.float32)
        field = field + 0.6 * np.roll(field, 1, 0) + 0.6 * np.roll(field, 1, 1) + 0.3 * np.roll(field, (1, 1), (0, 1))
        self._field: Floats = field / field.std()
        self._rng = rng

    def on(self, plane: Floats, strength: NDArray[np.floating[Any]] | float) -> Floats:
        """The plane with grain; ``strength`` is its deviation, for each pixel or for all."""
        height, width = plane.shape
        top = int(self._rng.integers(1024 - height))
        left = int(self._rng.integers(2048 - width))
        part = self._field[top : top + height, left : left + width]
        turned = part[:: int(self._rng.choice((-1, 1))), :: int(self._rng.choice((-1, 1)))]
        grained: Floats = plane + turned * strength
        return grained


def day(fps: int, seconds: int) -> Iterator[Frame]:
    """Facades and trees in daylight, a slow pan by hand, light that changes a little."""
    rng = np.random.default_rng(101)
    count = fps * seconds
    size = (2048, 1024)
    luma = 120 + 26 * texture(1, *size, 1.3)
    blue, red = (128 + 7 * texture(seed, 1024, 512, 1.6) for seed in (2, 3))
    for _ in range(40):  # facades with windows
        x, y = int(rng.integers(0, 1900)), int(rng.integers(300, 800))
        width, height, shade = int(rng.integers(60, 200)), int(rng.integers(80, 300)), float(rng.uniform(-60, 60))
        luma[y : y + height, x : x + width] = 0.4 * luma[y : y + height, x : x + width] + 75 + shade
        blue[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] += shade / 8
        for row in range(y + 10, min(y + height, 1000) - 20, 34):
            luma[row : row + 18, x + 8 : x + width - 8 : 26] -= 30
            luma[row : row + 18, x + 9 : x + width - 8 : 26] -= 34
            luma[row : row + 18, x + 10 : x + width - 8 : 26] -= 30
    grain = Grain(rng)
    xs = np.linspace(40, 600, count) + 3 * wander(rng, count, 6) + 8 * wander(rng, count, 25)
    ys = 140 + 3 * wander(rng, count, 6) + 12 * wander(rng, count, 40)
    light = 1 + 0.03 * wander(rng, count, 30)
    for x, y, level in zip(xs, ys, light, strict=True):
        seen = 16 + (view(luma, float(x), float(y), WIDTH, HEIGHT) - 16) * np.float32(level)
        yield Frame(
            as_bytes(grain.on(seen, 0.8 + 0.015 * np.clip(seen, 0, 200))),
            as_bytes(grain.on(view(blue, float(x) / 2, float(y) / 2, *_HALF), 1.0)),
            as_bytes(grain.on(view(red, float(x) / 2, float(y) / 2, *_HALF), 1.0)),
        )


def night(fps: int, seconds: int) -> Iterator[Frame]:
    """A dark street: lamps, cars that pass with their lights, people; a sensor at its limit."""
    rng = np.random.default_rng(202)
    count = fps * seconds
    still = blank()
    still.luma[...] = as_bytes(38 + 9 * texture(11, 2048, 1024, 1.4)[:HEIGHT, :WIDTH])
    for number in range(6):
        ellipse(still, 120 + 210 * number, 190 + 12 * number, 60, 60, (74, 122, 136))
        ellipse(still, 120 + 210 * number, 190 + 12 * number, 12, 12, (225, 118, 138))
    for _ in range(60):
        x, y = int(rng.integers(0, 1270)), int(rng.integers(240, 440))
        still.luma[y : y + 9, x : x + 7] = int(rng.integers(60, 150))
    grain = Grain(rng)
    shake_x, shake_y = 0.4 * wander(rng, count, 10), 0.4 * wander(rng, count, 10)
    for number in range(count):
        frame = still.copy()
        for car, (lane, speed) in enumerate(((560, 290), (610, -220), (590, 170))):
            place = (200 * car + speed * number / fps) % 1700 - 200
            ellipse(frame, place, lane, 110, 34, (28 + 6 * car, 126, 130))
            ellipse(frame, place + (100 if speed > 0 else -100), lane + 4, 22, 12, (215, 116, 140))
        for person in range(5):
            place = 100 + 260 * person + 40 * number / fps * (1 if person % 2 else -1)
            bob = 3 * np.sin(number / fps * 11 + person)
            ellipse(frame, place, 470 + bob, 14, 46, (22, 128, 128))
            ellipse(frame, place, 412 + bob, 11, 13, (52, 120, 140))
        luma, blue, red = (
            np.pad(plane.astype(np.float32), 2, mode="edge") for plane in (frame.luma, frame.blue, frame.red)
        )
        seen = view(luma, 2 + float(shake_x[number]), 2 + float(shake_y[number]), WIDTH, HEIGHT)
        yield Frame(
            as_bytes(grain.on(seen, 1.5 + 0.4 * np.sqrt(np.clip(seen, 0, 255)))),
            as_bytes(grain.on(view(blue, 2, 2, *_HALF), 2.0)),
            as_bytes(grain.on(view(red, 2, 2, *_HALF), 2.0)),
        )
