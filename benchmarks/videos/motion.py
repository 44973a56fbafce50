"""Fast motion: whip pans over a crowd with players in front of it, and a drive along a road."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.videos.drawing import HEIGHT, WIDTH, Floats, Frame, as_bytes, ellipse, texture, view, wander

_HALF = (WIDTH // 2, HEIGHT // 2)


def sport(fps: int, seconds: int) -> Iterator[Frame]:
    """A camera follows the ball: pans of up to 1500 pixels a second with the blur of an open shutter."""
    rng = np.random.default_rng(707)
    count = fps * seconds
    luma = 105 + 12 * texture(71, 4096, 1024, 1.1)
    luma[:330] += 34 * texture(72, 4096, 1024, 0.6)[:330]  # the crowd
    luma[330:] += 6 * np.sign(np.sin(np.arange(4096) / 60))[None, :]  # the stripes of the lawn
    blue, red = 116 + 5 * texture(73, 2048, 512, 0.9), 118 + 5 * texture(74, 2048, 512, 0.9)
    blue[:165], red[:165] = blue[:165] + 12, red[:165] + 10
    path = wander(rng, count + 1, fps // 2)
    path = (path - path.min()) / (path.max() - path.min())
    xs = 40 + path * (4096 - WIDTH - 120)
    ys = 120 + 30 * wander(rng, count + 1, fps // 3)
    starts = rng.uniform((0, 400), (4096, 900), (24, 2))
    for number in range(count):
        x, y, move = float(xs[number]), float(ys[number]), float(xs[number + 1] - xs[number])
        steps = 1 + min(int(abs(move) / 3), 7)  # half of the way between two frames is blurred
        seen: Floats = np.mean(
            [view(luma, x + move * step / (2 * steps), y, WIDTH, HEIGHT) for step in range(steps)], axis=0
        )
        frame = Frame(
            as_bytes(seen), as_bytes(view(blue, x / 2, y / 2, *_HALF)), as_bytes(view(red, x / 2, y / 2, *_HALF))
        )
        for player, (begin, line) in enumerate(starts):
            place = begin + 260 * np.sin(number / fps * 1.5 + player) - x
            color = (190, 120, 150) if player % 2 else (70, 160, 110)
            run = 10 * np.sin(number / fps * 14 + player)
            ellipse(frame, place + run, line - y + 46, 9, 30, (40, 128, 128))
            ellipse(frame, place - run, line - y + 46, 9, 30, (40, 128, 128))
            ellipse(frame, place, line - y, 18, 34, color)
            ellipse(frame, place, line - y - 44, 11, 13, (160, 112, 146))
        yield frame


def road(fps: int, seconds: int) -> Iterator[Frame]:
    """The view of a driver: the ground rushes by in perspective, trees come closer, the camera shakes."""
    rng = np.random.default_rng(808)
    count = fps * seconds
    size = 1024
    ground = 95 + 16 * texture(81, size, size, 0.9)
    lane = np.arange(size)
    ground[:, (lane > 470) & (lane < 554)] = 78 + 4 * texture(82, size, size, 0.5)[:, 470:553]
    ground[(lane % 128 < 60)[:, None] & ((lane > 509) & (lane < 514))[None, :]] = 215
    sky = 170 + 10 * texture(83, 2048, 512, 1.8)
    ys, xs = np.mgrid[0 : HEIGHT // 2, 0:WIDTH].astype(np.float32)
    away = 12000 / (ys + 12)
    curve = 60 * wander(rng, count, 2 * fps)
    shake_x, shake_y = 2 * wander(rng, count, 3), 3 * wander(rng, count, 3)
    trees = rng.uniform((-1, 0), (1, 1), (26, 2))
    for number in range(count):
        time = number / fps
        along = (away + 900 * time).astype(np.int32) % size
        across = ((xs - WIDTH / 2 + shake_x[number]) * away / 700 + 512 + curve[number] * away / 1000).astype(np.int32)
        seen = np.empty((HEIGHT, WIDTH), np.float32)
        seen[: HEIGHT // 2] = view(sky, 200 + float(curve[number]), 60, WIDTH, HEIGHT // 2)
        haze = np.clip(away / 1000, 0, 1)
        seen[HEIGHT // 2 :] = ground[along, across % size] * (1 - haze) + 150 * haze
        blue, red = np.full(_HALF[::-1], 120, np.uint8), np.full(_HALF[::-1], 120, np.uint8)
        blue[: HEIGHT // 4], red[: HEIGHT // 4] = 148, 116
        frame = Frame(as_bytes(seen), blue, red)
        near = (trees[:, 1] + time * 0.5) % 1
        for tree in np.argsort(near):
            zoom = 0.12 / (1.02 - near[tree])
            side = np.sign(trees[tree, 0]) * (260 + 900 * abs(trees[tree, 0])) * zoom
            x, y = WIDTH / 2 + side + shake_x[number], HEIGHT / 2 + 40 * zoom + shake_y[number]
            shade = int(50 + 50 * abs(trees[tree, 0]))
            ellipse(frame, x, y - 60 * zoom, 8 * zoom, 90 * zoom, (48, 122, 136))
            ellipse(frame, x, y - 160 * zoom, 60 * zoom, 90 * zoom, (shade, 112, 112))
            ellipse(frame, x + 20 * zoom, y - 190 * zoom, 30 * zoom, 40 * zoom, (shade + 24, 112, 114))
        yield frame
