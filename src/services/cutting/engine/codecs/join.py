"""Defines how copied and newly encoded frames share one stream, and chooses the rules of a codec."""

from __future__ import annotations

from typing import Protocol

from src.services.cutting.engine.codecs.av1 import Av1Join
from src.services.cutting.engine.codecs.h264 import H264Join
from src.services.cutting.engine.codecs.hevc import HevcJoin
from src.services.cutting.engine.codecs.vp9 import Vp9Join
from src.services.cutting.engine.demuxer import Pack
from src.services.cutting.engine.model import SmartImpossible


class Join(Protocol):
    """The rules of one codec. All methods raise SmartImpossible when the stream breaks them."""

    encoder_options: dict[str, str]
    """Options that the encoder of the edges needs in addition to its quality."""

    def clean(self, pack: Pack) -> bool:
        """Whether decoding can start at this packet, so that copying may start."""
        ...

    def copied(self, data: bytes, *, first: bool) -> bytes:
        """Convert a packet of the source for the clip; ``first``: it is the first copied one after encoded frames."""
        ...

    def encoded(self, data: bytes) -> bytes:
        """Convert a packet of the encoder for the clip."""
        ...

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        """Return the clip's codec header; None means that of the source."""
        ...


def join_for(codec: str, extradata: bytes | None) -> Join:
    """Return the rules of ``codec`` (FFmpeg's name).

    Raises:
        SmartImpossible: the codec is not supported.
    """
    if codec == "h264":
        return H264Join(extradata or b"")
    if codec == "hevc":
        return HevcJoin(extradata or b"")
    if codec == "vp9":
        return Vp9Join()
    if codec == "av1":
        return Av1Join(extradata or b"")
    raise SmartImpossible(f"{codec} frames cannot be copied next to encoded ones")
