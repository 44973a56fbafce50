"""Screen recordings: an editor in which text is typed and scrolled, and slides with a chart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.videos.drawing import HEIGHT, WIDTH, Color, Floats, Frame, as_bytes, blank, box, ellipse, letters

_CELL_WIDTH, _CELL_HEIGHT, _LINE = 10, 18, 22
_INKS: tuple[Color, ...] = ((225, 128, 128), (150, 170, 110), (170, 90, 150), (140, 128, 175), (110, 128, 128))
_PAPER: Color = (36, 132, 126)


def write(frame: Frame, font: Floats, x: int, y: int, sign: int, ink: Color) -> None:
    """One sign, mixed into what lies there."""
    shape = font[sign]
    part = frame.luma[y : y + _CELL_HEIGHT, x : x + _CELL_WIDTH]
    shape = shape[: part.shape[0], : part.shape[1]]
    part[...] = np.rint(part + (ink[0] - part.astype(np.float32)) * shape)
    cover = shape[::2, ::2]
    for plane, value in ((frame.blue, ink[1]), (frame.red, ink[2])):
        small = plane[y // 2 : y // 2 + 9, x // 2 : x // 2 + 5]
        small[...] = np.rint(small + (value - small.astype(np.float32)) * cover[: small.shape[0], : small.shape[1]])


def write_line(frame: Frame, font: Floats, rng: np.random.Generator, x: int, y: int, width: int) -> None:
    """A line of words, indented as program text is."""
    place, end = x + 40 * int(rng.integers(0, 4)), x + int(width * rng.uniform(0.3, 1.0))
    while place < end:
        ink = _INKS[int(rng.integers(len(_INKS)))]
        for sign in rng.integers(len(font), size=int(rng.integers(2, 9))):
            if place > x + width - _CELL_WIDTH:
                break
            write(frame, font, place, y, int(sign), ink)
            place += _CELL_WIDTH
        place += _CELL_WIDTH


def pointer(frame: Frame, x: float, y: float) -> None:
    """The pointer of the mouse."""
    for row in range(18):
        box(frame, int(x), int(y) + row, max(2, row * 2 // 3), 1, (235, 128, 128) if row % 17 else (16, 128, 128))


def document(font: Floats, rng: np.random.Generator, lines: int, width: int) -> Frame:
    """A long text as one tall frame."""
    made = blank(_PAPER, (width, lines * _LINE))
    for line in range(lines):
        if rng.random() < 0.85:
            write_line(made, font, rng, 50, line * _LINE, width - 60)
    return made


def shown(frame: Frame, source: Frame, left: int, top: int, right: int, bottom: int, scroll: int) -> None:
    """A part of a document in a window of the screen; all numbers are even."""
    height = bottom - top
    frame.luma[top:bottom, left:right] = source.luma[scroll : scroll + height, : right - left]
    for plane, text in ((frame.blue, source.blue), (frame.red, source.red)):
        part = text[scroll // 2 : (scroll + height) // 2, : (right - left) // 2]
        plane[top // 2 : bottom // 2, left // 2 : right // 2] = part


def editor(fps: int, seconds: int) -> Iterator[Frame]:
    """Twelve seconds each of typing, scrolling, waiting, another window; then from the start with another text."""
    rng = np.random.default_rng(303)
    font = letters(31)
    code, page = document(font, rng, 400, 1000), document(font, rng, 120, 700)
    scroll, column, row, period = 0, 50, 10, 12 * fps
    desk = blank((58, 138, 122))
    for line in range(24):
        write_line(desk, font, rng, 20, 40 + line * 28, 200)
    for number in range(fps * seconds):
        second = (number % period) / fps
        if second < 5 and number % 3 == 0:  # ten signs a second
            write(code, font, column, scroll + row * _LINE, int(rng.integers(len(font))), _INKS[number % len(_INKS)])
            column += _CELL_WIDTH
            if column > 700:
                column, row = 50, row + 1
        if 5 <= second < 8 and number % 15 < 5:  # turns of the wheel, each a soft move
            scroll = min(scroll + 14, 400 * _LINE - 700)
            column, row = 50, 10
        frame = desk.copy()
        box(frame, 0, 0, WIDTH, 30, (70, 128, 128))
        shown(frame, code, 240, 30, 1240, 700, scroll)
        if number // (fps // 2) % 2 and second < 5:
            box(frame, 240 + column, 30 + row * _LINE, 2, _CELL_HEIGHT, (235, 128, 128))
        if second >= 10:  # a second window lies above
            box(frame, 316, 96, 708, 528, (20, 128, 128))
            shown(frame, page, 320, 100, 1020, 620, 2 * int((second - 10) * 60))
        swing = min(max(second - 7, 0), 3) / 3
        pointer(frame, 300 + 600 * swing + 40 * np.sin(6 * swing), 650 - 400 * swing)
        yield frame


def slides(fps: int, seconds: int) -> Iterator[Frame]:
    """A slide with a chart that grows, a pointer that moves, then a soft change to the next slide."""
    rng = np.random.default_rng(404)
    font = letters(41)
    pages = []
    for _ in range(2):
        page = blank((232, 128, 128))
        box(page, 0, 0, WIDTH, 90, (70, 160, 110))
        for line in range(14):
            place = 60
            while place < 560:
                for sign in rng.integers(len(font), size=int(rng.integers(2, 9))):
                    write(page, font, place, 130 + line * 36, int(sign), (30, 128, 128))
                    place += _CELL_WIDTH
                place += _CELL_WIDTH
        for column in range(12):  # a photo in the slide
            ellipse(page, 700 + 46 * column, 600, 40, 60, (90 + 10 * column, 110, 100 + 6 * column), 2)
        pages.append(page)
    change = fps * 3
    for number in range(fps * seconds):
        share = min(max((number - change) / (fps * 0.6), 0.0), 1.0)
        one, other = pages
        frame = one.copy() if share == 0 else other.copy()
        if 0 < share < 1:
            planes = ((one.luma, other.luma), (one.blue, other.blue), (one.red, other.red))
            frame = Frame(*(as_bytes(old + np.float32(share) * (new.astype(np.float32) - old)) for old, new in planes))
        grown = min(number / (fps * 2), 1.0)
        for bar in range(8):
            height = int(grown * (80 + 300 * abs(np.sin(bar * 1.7)))) // 2 * 2
            box(frame, 660 + 70 * bar, HEIGHT - 200 - height, 48, height, (110 + 12 * bar, 150 - 6 * bar, 110))
        turn = 2 * np.pi * number / fps
        ellipse(frame, 1220 + 16 * np.cos(turn), 46 + 16 * np.sin(turn), 6, 6, (220, 128, 128))
        pointer(frame, 200 + 150 * number / fps, 600 - 90 * number / fps)
        yield frame
