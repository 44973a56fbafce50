"""Animations: a drawn cartoon with outlines and flat colours, and shaded bodies as a renderer makes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.videos.drawing import HEIGHT, WIDTH, Floats, Frame, as_bytes, blank, box, ellipse

_SKIES = ((170, 150, 110), (120, 170, 100), (60, 140, 120), (190, 110, 140), (140, 120, 160))


def cartoon(fps: int, seconds: int) -> Iterator[Frame]:
    """A figure walks through layered scenery, drawn on every second frame; a cut to another scene every six seconds."""
    rng = np.random.default_rng(505)
    scene, hills, clouds = -1, np.zeros((0, 4)), np.zeros((0, 4))
    last = blank()
    for number in range(fps * seconds):
        if number // (6 * fps) != scene:
            scene = number // (6 * fps)
            hills = rng.uniform((0, 120, 80, 60), (2600, 420, 260, 150), (18, 4))
            clouds = rng.uniform((0, 60, 30, 20), (2000, 240, 90, 50), (9, 4))
        elif number % 2:
            yield last
            continue
        time = number / fps
        frame = blank(_SKIES[scene % len(_SKIES)])
        for x, y, wide, tall in clouds:
            ellipse(frame, (x - 12 * time) % 2000 - 300, y, wide, tall, (220, 128, 128), 2)
        for place, (x, wide, tall, shade) in enumerate(hills):
            depth = 0.3 + 0.7 * place / len(hills)
            color = (int(shade), 110 + place, 118 - place)
            ellipse(frame, (x - 160 * depth * time) % 2600 - 600, 560 + 60 * depth, wide, tall, color, 3)
        box(frame, 0, 600, WIDTH, 120, (96, 108, 112))
        for post in range(9):
            box(frame, int((post * 180 - 220 * time) % 1620 - 120) // 2 * 2, 560, 16, 60, (50, 120, 140))
        _figure(frame, 560 + 60 * np.sin(time / 2), 430, time)
        if scene % 3 == 1:  # close: a second figure in front
            _figure(frame, 900 - 25 * (time % 6), 520, time + 0.4, 2.0)
        last = frame
        yield frame


def _figure(frame: Frame, x: float, y: float, time: float, size: float = 1.0) -> None:
    """Head, body, arms and legs."""
    step = np.sin(time * 8)
    y += 8 * size * abs(step)
    for side in (-1, 1):
        ellipse(frame, x + side * (18 + 22 * step) * size, y + 120 * size, 14 * size, 50 * size, (60, 170, 110), 3)
        ellipse(frame, x - side * (44 + 10 * step) * size, y + 20 * size, 12 * size, 46 * size, (170, 110, 150), 3)
    ellipse(frame, x, y + 40 * size, 46 * size, 70 * size, (120, 90, 190), 3)
    ellipse(frame, x, y - 60 * size, 50 * size, 48 * size, (185, 112, 148), 3)
    for side in (-18, 18):
        ellipse(frame, x + side * size, y - 66 * size, 12 * size, 15 * size, (235, 128, 128), 2)
        ellipse(frame, x + (side + 4 * step) * size, y - 64 * size, 5 * size, 6 * size, (16, 128, 128))


def rendered(fps: int, seconds: int) -> Iterator[Frame]:
    """Shiny balls circle above a chequered floor; light, shadow and reflection change all the time."""
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = 260 / np.maximum(ys - 330, 1)
    fog = np.clip(1 - away / 14, 0, 1)
    sky = 150 + 60 * ys / HEIGHT
    for number in range(fps * seconds):
        time = number / fps
        across = (xs - WIDTH / 2) / 260 * away + 0.8 * np.sin(time)
        chequer = np.sin(3 * across) * np.sin(3 * (away + 1.2 * time)) * np.clip(4 / away, 0, 20)
        floor = 110 + 70 * np.clip(chequer, -1, 1) * fog
        luma: Floats = np.where(ys > 330, floor * fog + sky * (1 - fog), sky).astype(np.float32)
        blue = np.where(ys > 330, 122.0, 140.0).astype(np.float32)
        red = np.where(ys > 330, 132.0, 118.0).astype(np.float32)
        balls = []
        for ball in range(6):
            angle = time * 1.1 + ball * np.pi / 3
            depth = 2.4 + np.sin(angle)
            balls.append((depth, 640 + 900 * np.cos(angle) / depth, 300 + 260 / depth, 260 / depth, ball))
        for depth, x, y, radius, _ in balls:  # shadows first
            shadow = ((xs - x - 40 / depth) / (radius * 1.1)) ** 2 + ((ys - y - radius) / (radius * 0.25)) ** 2
            luma *= 1 - 0.5 * np.clip(1.2 - shadow, 0, 1)
        for _, x, y, radius, ball in sorted(balls, reverse=True):
            top, bottom = max(int(y - radius - 1), 0), min(int(y + radius + 2), HEIGHT)
            left, right = max(int(x - radius - 1), 0), min(int(x + radius + 2), WIDTH)
            part = (slice(top, bottom), slice(left, right))
            right_of, below = (xs[part] - x) / radius, (ys[part] - y) / radius
            toward = np.sqrt(np.clip(1 - right_of**2 - below**2, 0, 1))
            cover = np.clip((1 - np.sqrt(right_of**2 + below**2)) * radius + 0.5, 0, 1)
            lit = np.clip(-0.5 * right_of - 0.6 * below + 0.62 * toward, 0, 1)
            shine = 120 * lit**30 + 18 * np.sin(9 * right_of + 4 * time) * (1 - toward)
            for plane, value in (
                (luma, 40 + 110 * lit + shine),
                (blue, 128 + 40 * np.cos(ball) * (0.4 + lit)),
                (red, 128 + 40 * np.sin(ball) * (0.4 + lit)),
            ):
                plane[part] += (value - plane[part]) * cover
        yield Frame(as_bytes(luma), as_bytes(blue[::2, ::2]), as_bytes(red[::2, ::2]))
