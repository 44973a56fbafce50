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
    """What an encoder of edges must be told beside its quality."""

    def clean(self, pack: Pack) -> bool:
        """Whether decoding can start here with nothing before, so that copying may begin."""
        ...

    def copied(self, data: bytes, *, first: bool) -> bytes:
        """A packet of the source as it goes into the clip; ``first`` of those copied after new pictures."""
        ...

    def encoded(self, data: bytes) -> bytes:
        """A packet of the encoder as it goes into the clip."""
        ...

    def header(self, encoder_extradata: bytes | None) -> bytes | None:
        """The clip's codec header; None leaves the source's."""
        ...


def join_for(codec: str, extradata: bytes | None) -> Join:
    """The rules of ``codec`` (FFmpeg's name).

    Raises:
        SmartImpossible: there are none.
    """
    if codec == "h264":
        return H264Join(extradata or b"")
    if codec == "hevc":
        return HevcJoin(extradata or b"")
    if codec == "vp9":
        return Vp9Join()
    if codec == "av1":
        return Av1Join(extradata or b"")
    raise SmartImpossible(f"{codec} is encoded as a whole")
