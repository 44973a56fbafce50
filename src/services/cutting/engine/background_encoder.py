"""Encodes in a thread of its own, so that decoding, reading and copying go on meanwhile."""

from __future__ import annotations

import queue
import threading

from av.video.frame import VideoFrame

from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.encoders import AnyEncoder

_MOST_WAITING = 3  # frames between the decoder and the encoder; a frame of 8K takes 50 to 100 MB


class BackgroundEncoder:
    """Replaces the encoder that it is given. Returns the same packets in the same order, some of them later."""

    def __init__(self, encoder: AnyEncoder) -> None:
        self._encoder = encoder
        self._frames: queue.Queue[VideoFrame | None] = queue.Queue(_MOST_WAITING)
        self._packs: queue.SimpleQueue[list[Pack]] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def extradata(self) -> bytes | None:
        """The codec header, if it is separate from the packets."""
        return self._encoder.extradata

    def encode(self, frame: VideoFrame) -> list[Pack]:
        """Pass a frame on; waits while several others wait. Returns the packets that are ready."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="encode", daemon=True)
            self._thread.start()
        self._frames.put(frame)
        return self._ready()

    def flush(self) -> list[Pack]:
        """Return the remaining packets; the encoder cannot be used afterwards."""
        self._stop()
        packs = self._ready()
        return [*packs, *self._encoder.flush()]

    def close(self) -> None:
        """End the thread without the frames that wait, and release all resources."""
        self._closing = True
        self._stop()
        self._encoder.close()

    def _stop(self) -> None:
        if self._thread is not None:
            self._frames.put(None)
            self._thread.join()
            self._thread = None

    def _ready(self) -> list[Pack]:
        """Return what was encoded meanwhile. Raises what the encoder raised."""
        if self._failure is not None:
            raise self._failure
        packs: list[Pack] = []
        while not self._packs.empty():
            packs += self._packs.get()
        return packs

    def _work(self) -> None:
        while (frame := self._frames.get()) is not None:
            if self._closing or self._failure is not None:
                continue  # the other thread must not wait for room
            try:
                self._packs.put(self._encoder.encode(frame))
            except BaseException as error:
                self._failure = error
