"""Reads master playlists (RFC 8216, 4.3.4): the variants of a stream and their audio."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urljoin

from src.models.media_source import SourceUnreadable
from src.services.hls.tags import attributes_of, lines_of, understood, whole_of

_MOST_ENTRIES = 10_000  # real playlists have some dozens, and each entry takes memory


@dataclass(frozen=True, slots=True)
class Variant:
    """One entry of a master playlist.

    ``bandwidth`` is in bits per second, ``size`` is (width, height) if it is given. ``sound_url`` is the playlist of
    its audio; None when the audio is in the segments of ``url``.
    """

    url: str
    bandwidth: int
    size: tuple[int, int] | None = None
    sound_url: str | None = None


def best_variant(text: str, url: str) -> str | None:
    """Return the URL of the variant with the highest bandwidth, None for a media playlist. Raises like ``variants``."""
    best = max(variants(text, url), key=lambda variant: variant.bandwidth, default=None)
    return None if best is None else best.url


def variants(text: str, url: str) -> list[Variant]:
    """Return the variants of a master playlist in its order; an empty list for a media playlist.

    Raises:
        SourceUnreadable: it is malformed.
    """
    found: list[Variant] = []
    if "#EXT-X-STREAM-INF:" not in text:
        return found
    with understood():
        renditions = _audio_renditions(lines_of(text))
        for line, following in pairwise(lines_of(text)):
            if line.startswith("#EXT-X-STREAM-INF:") and not following.startswith("#"):
                _require_few(found)
                found.append(_variant(attributes_of(line), urljoin(url, following), url, renditions))
    return found


def _variant(attributes: dict[str, str], address: str, base: str, renditions: dict[str, dict[str, str]]) -> Variant:
    audio = renditions.get(attributes.get("AUDIO", ""), {}).get("URI")
    return Variant(
        address,
        whole_of(attributes.get("BANDWIDTH", "0")),
        _size(attributes.get("RESOLUTION", "")),
        None if audio is None else urljoin(base, audio),
    )


def _size(resolution: str) -> tuple[int, int] | None:
    width, _, height = resolution.partition("x")
    try:
        return whole_of(width), whole_of(height)
    except ValueError:
        return None


def _audio_renditions(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the attributes of the audio that a player selects by itself, by group: the default, else one that may be
    selected automatically, else the first. Without URI it is in the segments of the variant (RFC 8216, 4.3.4.1)."""
    chosen: dict[str, dict[str, str]] = {}
    for line in lines:
        if not line.startswith("#EXT-X-MEDIA:"):
            continue
        attributes = attributes_of(line)
        group = attributes.get("GROUP-ID", "")
        if attributes.get("TYPE") != "AUDIO":
            continue
        if group not in chosen or _preference(attributes) > _preference(chosen[group]):
            _require_few(chosen)
            chosen[group] = attributes
    return chosen


def _require_few(entries: Sized) -> None:
    if len(entries) >= _MOST_ENTRIES:
        raise SourceUnreadable("its playlist has too many variants")


def _preference(rendition: dict[str, str]) -> tuple[bool, bool]:
    return rendition.get("DEFAULT") == "YES", rendition.get("AUTOSELECT") == "YES"
