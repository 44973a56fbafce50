"""Plans an encode: a pure function from the facts of a file and preferences to all settings of FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from src.errors import CodecUnsupported, MediaInvalid
from src.models.abilities import Abilities, light_trial
from src.models.encode_plan import EncodePlan, Filter, Scan, VideoPlan
from src.models.media import MediaInfo, Timeline, VideoStream
from src.models.outcome import Note, NoteCode
from src.models.params import Codec, Quality
from src.services.encoding import hdr, presets
from src.services.encoding.audio import ALL_MIXABLE, Mixable, plan_audio, plan_subtitles
from src.services.encoding.colors import color_tags, plan_colors
from src.services.encoding.colors import tone_map as tone_map_filters
from src.services.encoding.geometry import plan_geometry
from src.services.encoding.pixel_formats import layout, lossless_target, lossy_target
from src.services.encoding.requirements import require_abilities

CODECS: Final[tuple[Codec, ...]] = ("h264", "h265", "av1")
QUALITIES: Final[tuple[Quality, ...]] = ("lossless", "high", "medium")
_SOURCE_NAMES: Final = {"h264": "h264", "hevc": "h265", "av1": "av1"}
_COPYABLE_CONTAINERS: Final = ("mov", "matroska")
_COVER_CODECS: Final = frozenset({"mjpeg", "png"})
SVT_MIN_SIZE: Final = 64  # pixels; below, SVT-AV1 fails depending on its preset
SVT_MAX_RATE: Final = 240  # frames per second that SVT-AV1 accepts
FINEST_TIME_BASE: Final = Fraction(1, 90_000)
MOVED_SECONDS: Final = 0.05  # a start further from 0 is noted; less is the delay of an encoder


@dataclass(frozen=True, slots=True)
class Preferences:
    """Deviations from the presets: a rate factor from a search, and no remux even if it is possible."""

    crf: float | None = None
    always_encode: bool = False


def plan_encode(
    media: MediaInfo,
    codec: Codec,
    quality: Quality,
    *,
    timeline: Timeline | None = None,
    scan: Scan = "progressive",
    preferences: Preferences | None = None,
    mixable: Mixable = ALL_MIXABLE,
    able: Abilities | None = None,
) -> EncodePlan:
    """Decide everything about one encode.

    ``timeline``: that of the source (cadence and number of frames); ``scan``: the detected scan, only needed if the
    source is marked as interlaced; ``mixable``: the result of a trial of its audio; ``able``: what the program that
    will encode can do, everything if it is None.

    Raises:
        FormatNotAvailable: the program cannot do this.
        CodecUnsupported: not one of the three codecs and three presets.
        MediaInvalid: the file has no video.
    """
    if codec not in CODECS or quality not in QUALITIES:
        raise CodecUnsupported()
    source = media.main_video
    if source is None:
        raise MediaInvalid("This file has no video")
    preferred = preferences or Preferences()
    axis = timeline.video if timeline is not None else None
    steady = axis is None or len(axis.sizes) < 2
    if quality == "lossless" and steady and not preferred.always_encode and _is_already(media, source, codec):
        video, notes = _copied(source, codec)
    else:
        video, notes = _encoded(source, codec, quality, timeline, scan, preferred, able)
    audio, audio_notes = plan_audio(media, quality, timeline, mixable)
    subtitles, subtitle_notes = plan_subtitles(media)
    cover = _cover(media)
    frames = axis.units if axis is not None else 0
    plan = EncodePlan(
        demuxer=media.container.split(",")[0],
        video=video,
        audio=audio,
        subtitles=subtitles,
        cover_art_index=cover.index if cover is not None else None,
        notes=(*notes, *audio_notes, *subtitle_notes, *hdr.dolby_vision(source), *_moved(media), *_left_out(media)),
        expected_frames=frames or source.frames,
        duration_seconds=media.duration_seconds,
    )
    if able is not None:
        require_abilities(plan, able)
    return plan


def _moved(media: MediaInfo) -> tuple[Note, ...]:
    """Note that the file starts at 0 and the source does not."""
    start = media.start_seconds or 0.0
    text = f"The source starts at {start:.3f} s of its clock, this file at 0: all times are earlier by that"
    return (Note(NoteCode.START_MOVED, text),) if abs(start) > MOVED_SECONDS else ()


def _cover(media: MediaInfo) -> VideoStream | None:
    """Return the attached picture, if MP4 supports it."""
    cover = media.cover_art
    return cover if cover is not None and cover.codec in _COVER_CODECS else None


def _left_out(media: MediaInfo) -> tuple[Note, ...]:
    """Note the streams and properties that are omitted: an MP4 gets one video with its audio and text."""
    covers = sum(stream.attached_picture for stream in media.video)
    chapters = 1 if media.chapters and media.container.startswith("mov") else 0  # a separate track, which is copied
    counts = {
        "video": len(media.video) + media.unreadable.count("video") - covers - 1,
        "cover": covers - (_cover(media) is not None),
        "data": max(0, media.others - chapters),
    }
    notes: list[Note] = []
    source = media.main_video
    if source is not None and source.alpha and not layout(source.pixel_format).alpha:
        notes.append(Note(NoteCode.ALPHA_DROPPED, "The transparency was removed"))
    if any(counts.values()):
        listed = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        notes.append(Note(NoteCode.STREAMS_DROPPED, f"Further tracks were omitted: {listed}"))
    return tuple(notes)


def _is_already(media: MediaInfo, source: VideoStream, codec: Codec) -> bool:
    """Whether the stream can be copied into the MP4."""
    return _SOURCE_NAMES.get(source.codec) == codec and media.container.startswith(_COPYABLE_CONTAINERS)


def _copied(source: VideoStream, codec: Codec) -> tuple[VideoPlan, tuple[Note, ...]]:
    note = Note(NoteCode.REMUXED, "The video already has this codec and was copied without encoding")
    plan = VideoPlan(
        stream_index=source.index,
        action="copy",
        codec=codec,
        encoder="copy",
        options=(),
        pixel_format=source.pixel_format,
        width=source.width,
        height=source.height,
        tag=presets.TAGS[codec],
        lossless=True,
        keep_rotation=True,
        keep_all_frames=True,
    )
    return plan, (note,)


def _encoded(
    source: VideoStream,
    codec: Codec,
    quality: Quality,
    timeline: Timeline | None,
    scan: Scan,
    preferred: Preferences,
    able: Abilities | None,
) -> tuple[VideoPlan, tuple[Note, ...]]:
    lossless = quality == "lossless"
    axis = timeline.video if timeline is not None else None
    tone_map = source.is_hdr and codec == "h264" and not lossless
    if lossless:
        target = lossless_target(source.pixel_format, codec, able)
    else:
        target = lossy_target(source.pixel_format, codec, hdr_to_sdr=tone_map, able=able)
    notes = [*target.notes]
    rate = source.frame_rate or source.base_rate
    fps = float(rate or presets.DEFAULT_RATE)
    encoder = target.encoder
    too_fast = max(fps, float(source.base_rate or 0)) > SVT_MAX_RATE
    if encoder == "libsvtav1" and (too_fast or min(source.width, source.height) < SVT_MIN_SIZE):
        encoder = "libaom-av1"
    filters: list[Filter] = []
    if scan != "progressive":
        filters += _deinterlace(scan, notes, lossless=lossless, steady=axis is None or len(axis.sizes) < 2)
    colors = plan_colors(source, encoder, lossless=lossless, tone_map=tone_map)
    filters += colors.before
    notes += colors.notes
    if tone_map:
        notes.append(Note(NoteCode.TONE_MAPPED, "The HDR video was mapped to SDR, as H.264 players expect"))
    geometry = plan_geometry(
        source,
        codec,
        target.pixel_format,
        lossless=lossless,
        convert=colors.convert,
        sizes=None if axis is None else axis.sizes,
    )
    filters += geometry.filters
    notes += geometry.notes
    if tone_map:
        filters += tone_map_filters(source)
    if lossless and codec == "h264":
        text = "Lossless H.264 has the profile High 4:4:4 Predictive, which hardly any browser or television supports"
        notes.append(Note(NoteCode.PLAYBACK_LIMITED, text))
    elif lossless and not target.pixel_format.startswith("yuv420p"):
        notes.append(
            Note(NoteCode.PLAYBACK_LIMITED, "Few players support this pixel format, which is needed for lossless")
        )
    filters.append(Filter("format", (("pix_fmts", target.pixel_format),)))
    filters += color_tags(colors.color)
    small = min(geometry.width, geometry.height) < 32
    options = presets.encoder_options(encoder, codec, quality, frame_rate=fps, small=small, crf=preferred.crf)
    if not tone_map and (able is None or able.can(light_trial(encoder))):
        options = hdr.with_light(options, encoder, source)
    plan = VideoPlan(
        stream_index=source.index,
        action="encode",
        codec=codec,
        encoder=encoder,
        options=options,
        pixel_format=target.pixel_format,
        width=geometry.width,
        height=geometry.height,
        tag=presets.TAGS[codec],
        lossless=lossless,
        filters=tuple(filters),
        keep_rotation=lossless,
        keep_all_frames=lossless,
        time_base=_time_base(source, timeline),
    )
    return plan, tuple(notes)


def _time_base(source: VideoStream, timeline: Timeline | None) -> Fraction | None:
    """Return a time base that can store every time stamp; None if all frames are at multiples of 1 / frame rate."""
    axis = timeline.video if timeline is not None else None
    fine = max(source.time_base, FINEST_TIME_BASE)
    if axis is None or axis.units < 2 or axis.last_seconds is None:
        return None if source.frame_rate == source.base_rate else fine
    rounding = 2.5 * float(source.time_base)
    rate = source.base_rate or source.frame_rate
    steady = axis.largest_gap_seconds - axis.smallest_gap_seconds <= rounding
    on_grid = rate is not None and abs(axis.largest_gap_seconds - float(1 / rate)) <= rounding
    return None if steady and on_grid else fine


def _deinterlace(scan: Scan, notes: list[Note], *, lossless: bool, steady: bool) -> list[Filter]:
    if not steady:  # FFmpeg rebuilds the filters for each new size, and the frames inside this one would be lost
        notes.append(Note(NoteCode.INTERLACED, "The video stays interlaced, because its frame size changes"))
        return []
    if lossless:
        notes.append(Note(NoteCode.INTERLACED, "The video stays interlaced, because the encode is lossless"))
        return []
    notes.append(Note(NoteCode.DEINTERLACED, "The interlaced video was converted to progressive"))
    return [Filter("bwdif", (("mode", "send_frame"), ("parity", scan), ("deint", "all")))]
