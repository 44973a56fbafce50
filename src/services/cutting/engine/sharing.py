"""Uses what other jobs fetched of the same files, and lists what this one fetched for later ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from src.services.cutting.engine.model import Sharing
from src.services.fetch.remote import RemoteFile
from src.services.fetch.resource import Resource
from src.services.fetch.shared import has_extents

MOST_EXTENTS = 64  # of one track: the largest ones


def is_shared(share: Sharing | None, place: int) -> bool:
    """Whether other jobs fetched something of a track, perhaps of another version."""
    return share is not None and has_extents(share.folders[place])


def use_shared(share: Sharing, remotes: Mapping[int, RemoteFile]) -> None:
    """Use what there is of the same version, then request the start of these files, as far as it is missing."""
    for place, remote in remotes.items():
        if is_shared(share, place):
            remote.use_shared(share.folders[place])
            remote.prefetch()


def leave_list(share: Sharing, resources: Iterable[Resource]) -> None:
    """List what was fetched of the files whose version is known, and where it lies in the spool."""
    entries = []
    for resource in resources:
        place, fragment = resource.identity
        version = resource.version
        if fragment or version is None or resource.base is None:
            continue
        fresh = [span for start, end in resource.present.spans() for span in resource.copied.missing(start, end)]
        fresh.sort(key=lambda span: span[0] - span[1])
        entries.append(
            {
                "place": place,
                "size": version.size,
                "validator": version.validator,
                "base": resource.base,
                "spans": fresh[:MOST_EXTENTS],
            }
        )
    share.list_file.write_text(json.dumps(entries), "utf-8")
