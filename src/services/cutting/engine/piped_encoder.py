"""Encodes frames that PyAV's encoders do not support (VP9 of 10 and 12 bits) with the FFmpeg program, through pipes."""

from __future__ import annotations

import os
import queue
import signal
import struct
import subprocess
import threading
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from src.services.cutting.engine.codecs.vp9 import vp9_key
from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible
from src.utils.process import dying_with

_PROFILES = {"yuv420p10le": "2", "yuv420p12le": "2", "yuv422p10le": "3", "yuv444p10le": "3", "yuv444p12le": "3"}
_EDGE = "-deadline realtime -cpu-used 8 -crf 14 -b:v 0 -row-mt 1 -lag-in-frames 0 -g 9999"
_WHOLE = "-deadline good -cpu-used 4 -crf 20 -b:v 0 -row-mt 1"
_IVF_HEADER, _IVF_FRAME_HEADER = 32, 12
_NAMES = {
    "-color_primaries": {1: "bt709", 9: "bt2020", 12: "smpte432"},
    "-color_trc": {1: "bt709", 16: "smpte2084", 18: "arib-std-b67", 14: "bt2020-10"},
    "-colorspace": {1: "bt709", 9: "bt2020nc"},
    "-color_range": {1: "tv", 2: "pc"},
}
"""FFmpeg's options for the code points of ITU-T H.273 that such videos use."""


class PipedEncoder:
    """Replaces ``Encoder``. It returns one packet for each frame, in the order of the frames."""

    extradata = None

    def __init__(self, stream: VideoStream, ffmpeg: Path, *, whole: bool) -> None:
        """Raises SmartImpossible if it does not support such frames either."""
        source = stream.codec_context
        pixels = source.pix_fmt or ""
        if pixels not in _PROFILES:
            raise SmartImpossible(f"vp9 frames of {pixels} cannot be encoded")
        rate = Fraction(stream.average_rate or 30).limit_denominator(1001)
        size = f"{source.width}x{source.height}"
        command = [str(ffmpeg), "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", pixels, "-s", size]
        command += ["-r", str(rate), "-i", "pipe:0", "-c:v", "libvpx-vp9", "-profile:v", _PROFILES[pixels]]
        for option, names in _NAMES.items():
            code = getattr(source, {"-color_trc": "color_trc", "-colorspace": "colorspace"}.get(option, option[1:]))
            if code in names:
                command += [option, names[code]]
        command += [*(_WHOLE if whole else _EDGE).split(), "-fps_mode", "passthrough", "-f", "ivf", "pipe:1"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dying_with(os.getpid()),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input: IO[bytes] = self._process.stdin
        self._packets: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._times: list[int] = []
        self._taken = 0
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def encode(self, frame: VideoFrame) -> list[Pack]:
        """Encode a frame. Returns the packets that are ready."""
        assert frame.pts is not None
        self._times.append(frame.pts)
        try:
            self._input.write(_raw(frame))
        except OSError as error:
            raise SmartImpossible("FFmpeg stopped before the last frame") from error
        return self._ready()

    def flush(self) -> list[Pack]:
        """Return the remaining packets."""
        with suppress(OSError):
            self._input.close()
        self._reader.join()
        packs = self._ready()
        if self._process.wait() or self._taken != len(self._times):
            raise SmartImpossible("FFmpeg did not encode all frames")
        return packs

    def close(self) -> None:
        """Kill the program."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._input.close()
        self._process.wait()
        self._reader.join()

    def _ready(self) -> list[Pack]:
        packs = []
        while not self._packets.empty():
            time = self._times[self._taken]
            data = self._packets.get()
            packs.append(Pack(data, time, time, 0, key=vp9_key(data), fresh=True))
            self._taken += 1
        return packs

    def _read(self, output: IO[bytes]) -> None:
        with output:
            output.read(_IVF_HEADER)
            while len(header := output.read(_IVF_FRAME_HEADER)) == _IVF_FRAME_HEADER:
                self._packets.put(output.read(struct.unpack_from("<I", header)[0]))


def _raw(frame: VideoFrame) -> bytes:
    """Return the samples of all planes without padding."""
    parts = []
    for plane, component in zip(frame.planes, frame.format.components, strict=True):
        width = component.width * 2
        data = memoryview(plane)
        step = plane.line_size
        if step == width:
            parts.append(bytes(data[: width * component.height]))
        else:
            parts.extend(bytes(data[row * step : row * step + width]) for row in range(component.height))
    return b"".join(parts)
