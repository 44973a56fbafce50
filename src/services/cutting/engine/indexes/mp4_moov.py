"""Reads the moov box of an MP4 without its sample tables, which grow with the length of the video."""

from __future__ import annotations

from dataclasses import dataclass, field

from src.models.media_source import SourceUnreadable
from src.services.cutting.engine.indexes import mp4_boxes as boxes
from src.services.cutting.engine.indexes.mp4_tables import TABLE_HEAD_BYTES, TABLES, SampleTables, TableBox
from src.services.fetch.remote import RemoteFile

_WHOLE_BYTES = 1 << 20  # a moov of this size arrives sooner in one piece than its parts one after the other
_PAGE_BYTES = 4096  # requested at a header: it holds the small boxes that follow
_MOST_BOXES = 4000  # of the parts of a moov that are read; a file with a hundred tracks has half as many
_PARENTS = {b"trak": b"moov", b"mdia": b"trak", b"minf": b"mdia", b"stbl": b"minf"}
_ABOUT_GROUPS = {b"sbgp", b"sgpd", b"sdtp", b"cslg", b"stps", b"stsh", b"subs", b"saiz", b"saio"}


@dataclass(slots=True)
class _Node:
    """A box and the boxes that it contains, if they are of interest. Positions are those in the file."""

    box: boxes.Box
    children: list[_Node] = field(default_factory=list)

    def at(self, *path: bytes) -> _Node | None:
        """Return the first box at this path of types."""
        node: _Node | None = self
        for kind in path:
            node = next((child for child in node.children if child.box.kind == kind), None) if node else None
        return node

    @property
    def is_table(self) -> bool:
        """Whether it lists something for each sample, or groups of samples."""
        return self.box.kind in TABLES or self.box.kind in _ABOUT_GROUPS


class MoovReader:
    """The structure of a moov box. Of a large one only headers are read, all tracks at the same time."""

    def __init__(self, remote: RemoteFile, position: int, header: boxes.Box) -> None:
        """Raises SourceUnreadable: it has too many boxes."""
        self._remote, self._small = remote, header.end <= _WHOLE_BYTES
        self._root = _Node(boxes.Box(header.kind, position, position + header.body, position + header.end))
        if self._small:
            remote.request(position, header.end)
        self._walk()

    @property
    def fragmented(self) -> bool:
        """Whether the samples are listed in fragments, and not here."""
        return self._root.at(b"mvex") is not None

    def content(self) -> bytes:
        """Return the box: all of a fragmented file, otherwise the general header and the tracks, without tables."""
        box = self._root.box
        if self.fragmented:
            return self._read(box.start, box.end)
        kept = [node for node in self._root.children if node.box.kind in (b"mvhd", b"trak")]
        for node in kept:
            self._request(node)
        return boxes.make(b"moov", *map(self._copied, kept))

    def tables(self, track: int) -> SampleTables:
        """Return the sample tables of a track, by its place in the box.

        Raises:
            SourceUnreadable: they are incomplete, or contradict each other.
        """
        trak = [node for node in self._root.children if node.box.kind == b"trak"][track]
        mdhd, stbl = trak.at(b"mdia", b"mdhd"), trak.at(b"mdia", b"minf", b"stbl")
        if mdhd is None or stbl is None:
            raise SourceUnreadable("a track has no sample table")
        found = {}
        for box in (node.box for node in stbl.children if node.box.kind in TABLES):
            found[box.kind] = TableBox(box.body, box.end, self._read(box.body, box.body + TABLE_HEAD_BYTES))
        header = self._read(mdhd.box.body, mdhd.box.end)
        length = header[24:32] if header[:1] == b"\1" else header[16:20]
        tables = SampleTables(self._remote, found, int.from_bytes(length, "big"))
        if self._small:
            tables.check()
        return tables

    def _walk(self) -> None:
        """Find the boxes. What can be read goes on; only then is waited for the rest, which has been requested."""
        end = self._root.box.end
        todo, count = [(self._root, self._root.box.body)], 0
        while todo:
            for _, position in todo:
                if self._remote.resource.present.end_of(position) < min(position + 16, end):
                    self._remote.request(position, min(_PAGE_BYTES, end - position))
            following = []
            for parent, position in todo:
                found = self._header(position, parent.box.end)
                if found is None:
                    continue
                node = _Node(found)
                parent.children.append(node)
                count += 1
                if found.end < parent.box.end:
                    following.append((parent, found.end))
                if _PARENTS.get(found.kind) == parent.box.kind:
                    following.append((node, found.body))
            if count > _MOST_BOXES:
                raise SourceUnreadable("its moov has too many boxes")
            todo = following

    def _header(self, position: int, limit: int) -> boxes.Box | None:
        """Return the box at a position of the file, None if it does not end before ``limit``."""
        head = self._remote.read(position, min(16, limit - position))
        box = boxes.read_header(head, 0, limit - position)
        if box is None or position + box.end > limit:
            return None
        return boxes.Box(box.kind, position, position + box.body, position + box.end)

    def _request(self, node: _Node) -> None:
        for child in node.children:
            self._request(child)
        if not node.children and not node.is_table:
            self._remote.request(node.box.start, node.box.end - node.box.start)

    def _copied(self, node: _Node) -> bytes:
        if node.children:
            return boxes.make(node.box.kind, *map(self._copied, node.children))
        return b"" if node.is_table else self._read(node.box.start, node.box.end)

    def _read(self, start: int, end: int) -> bytes:
        data = self._remote.read(start, end - start)
        if len(data) < end - start:
            raise SourceUnreadable("its moov is broken")
        return data
