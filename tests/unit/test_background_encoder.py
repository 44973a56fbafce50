"""An encoder in a thread of its own: the same packets, while its caller goes on."""

from __future__ import annotations

import threading
from typing import cast

import pytest
from av.video.frame import VideoFrame

from src.services.cutting.engine.background_encoder import BackgroundEncoder
from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible
from tests.tools.waiting import eventually

FRAMES = [cast(VideoFrame, number) for number in range(20)]


class Slow:
    """An encoder that encodes while ``gate`` is open, and delays each packet by one frame."""

    extradata = b"header"

    def __init__(self, fails_at: int | None = None) -> None:
        self.gate, self.busy = threading.Event(), threading.Event()
        self.seen: list[int] = []
        self.closed = False
        self._fails_at = fails_at

    def encode(self, frame: VideoFrame) -> list[Pack]:
        number = cast(int, frame)
        self.busy.set()
        assert self.gate.wait(30)
        if number == self._fails_at:
            raise SmartImpossible("no such frames")
        self.seen.append(number)
        return [_pack(number - 1)] if number else []

    def flush(self) -> list[Pack]:
        return [_pack(self.seen[-1])]

    def close(self) -> None:
        self.closed = True


def _pack(number: int) -> Pack:
    return Pack(b"", number, number, 1, key=False, fresh=True)


def test_all_packets_come_in_order() -> None:
    slow = Slow()
    slow.gate.set()
    encoder = BackgroundEncoder(slow)
    assert encoder.extradata == b"header"
    packs = [pack for frame in FRAMES for pack in encoder.encode(frame)]
    assert [pack.pts for pack in [*packs, *encoder.flush()]] == list(range(20))
    encoder.close()
    assert slow.closed


def test_its_caller_goes_on_while_it_encodes_but_not_without_a_limit() -> None:
    slow, passed = Slow(), []
    encoder = BackgroundEncoder(slow)

    def feed() -> None:
        for frame in FRAMES:
            encoder.encode(frame)
            passed.append(frame)

    feeding = threading.Thread(target=feed, daemon=True)
    feeding.start()
    assert slow.busy.wait(30)
    eventually(lambda: len(passed) >= 3)
    assert not slow.seen and len(passed) <= 5
    slow.gate.set()
    feeding.join(30)
    assert len(passed) == 20
    encoder.close()


def test_an_error_of_the_encoder_reaches_its_caller() -> None:
    slow = Slow(fails_at=5)
    slow.gate.set()
    encoder = BackgroundEncoder(slow)
    with pytest.raises(SmartImpossible, match="no such frames"):
        for frame in FRAMES:
            encoder.encode(frame)
        encoder.flush()
    encoder.close()
    assert slow.seen == [0, 1, 2, 3, 4]


def test_it_can_be_closed_while_frames_wait() -> None:
    slow = Slow()
    encoder = BackgroundEncoder(slow)
    for frame in FRAMES[:3]:
        encoder.encode(frame)
    assert slow.busy.wait(30)
    closing = threading.Thread(target=encoder.close, daemon=True)
    closing.start()
    slow.gate.set()
    closing.join(30)
    assert not closing.is_alive() and slow.closed and len(slow.seen) <= 2
