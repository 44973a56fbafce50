"""A live stream on loopback whose every frame tells its wall-clock time, and which can do what real ones do."""

from __future__ import annotations

from tests.tools.live_origin.clock import VirtualClock
from tests.tools.live_origin.origin import Broadcast, LiveOrigin
from tests.tools.live_origin.packaging import TURN_SECONDS, Programme, programme
from tests.tools.live_origin.stream import Part, Stream

__all__ = ["TURN_SECONDS", "Broadcast", "LiveOrigin", "Part", "Programme", "Stream", "VirtualClock", "programme"]
