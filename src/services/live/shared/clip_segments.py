"""Keeps the segments of one clip in the folder that the clip retains: links to those of a shared capture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from src.errors import DiskFull
from src.models.captured import Captured, LiveTrack, Record
from src.models.time_window import Window, missing
from src.services.live.numbered.epoch import Broadcasts
from src.services.live.numbered.placing import placed_tracks
from src.services.live.store import SegmentStore

# Segments around a window that are taken as well: the next ones decide when the last one of the window was broadcast.
_BESIDE = 2


class ClipSegments:
    """What one clip has of a stream. Used by one thread."""

    def __init__(self, folder: Path, tracks: Sequence[LiveTrack]) -> None:
        """Continue with what earlier attempts left in the folder, which must exist."""
        self._folder, self._tracks = folder, tuple(tracks)
        self._stores = {track.name: SegmentStore(folder / track.name) for track in tracks}
        self._broadcasts = Broadcasts(folder)

    def captured(self, *, ended: bool = False) -> Captured:
        """Return all that the clip has, placed in time. ``ended``: the stream is over."""
        records = placed_tracks({name: store.records for name, store in self._stores.items()})
        return Captured(self._tracks, self._folder, records, ended=ended)

    @property
    def broadcasts(self) -> list[str]:
        """The names of the epochs."""
        return self._broadcasts.names

    @property
    def seconds(self) -> Fraction:
        """The length of what the clip has, roughly: as the segments state it."""
        return min(store.seconds for store in self._stores.values())

    @property
    def added_bytes(self) -> int:
        """The bytes of the segments that this object has stored."""
        return sum(store.added_bytes for store in self._stores.values())

    def covered_share(self, window: Window) -> float:
        """Return which part of the window is there, roughly: as the segments state it."""
        first, *others = self._stores.values()
        spans = [
            record.span
            for record in first.records
            if all(store.get(record.epoch, record.number) is not None for store in others)
        ]
        holes = missing(window, spans)
        return 1 - float(sum((hole.end - hole.start for hole in holes), Fraction(0)) / (window.end - window.start))

    def take(self, pool: Mapping[str, SegmentStore], broadcasts: Sequence[str], window: Window) -> None:
        """Take over the segments of a window. ``broadcasts``: the names of the pool's epochs.

        Raises:
            DiskFull: there is no room for their names.
            FileNotFoundError: the clip was deleted.
        """
        for name, store in self._stores.items():
            for record in pool[name].around(window, _BESIDE):
                epoch = self._broadcasts.index_of(broadcasts[record.epoch])
                if store.get(epoch, record.number) is None:
                    self._take(store, record, pool[name].folder, epoch)

    @staticmethod
    def _take(store: SegmentStore, record: Record, folder: Path, epoch: int) -> None:
        try:
            store.link(record, folder, epoch)
        except FileNotFoundError:
            if (folder / record.file).exists():  # it is the clip that is gone
                raise
        except OSError as error:
            raise DiskFull() from error


def names_of(tracks: Collection[LiveTrack]) -> list[str]:
    """Return what identifies the formats of a capture."""
    return sorted(f"{track.name} {track.format_id}" for track in tracks)
