"""Defines the errors of the video site and of the network."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from src.errors.base import AppError, ErrorKind, Remedy


class SourceError(AppError):
    """The source did not deliver the video."""

    kind, remedy = ErrorKind.JOB_FAILED, Remedy.USER


class BotCheck(SourceError):
    """The video site asks to prove that this is not a bot; the operator can supply cookies."""

    remedy = Remedy.OPERATOR


class RateLimited(SourceError):
    """The video site is limiting our requests at the moment."""

    remedy = Remedy.LATER


class IpBlocked(SourceError):
    """The video site refuses this server's address; the operator can set a proxy."""

    remedy = Remedy.OPERATOR


class AgeRestricted(SourceError):
    """The video is age-restricted; the operator can supply cookies."""

    remedy = Remedy.OPERATOR


class VideoPrivate(SourceError):
    """The video is private."""


class MembersOnly(SourceError):
    """The video is for members of the channel only."""


class PremiumOnly(SourceError):
    """The video requires a payment or a premium membership."""


class GeoBlocked(SourceError):
    """The video is blocked in this server's country; the operator can set a proxy."""

    remedy = Remedy.OPERATOR


class CopyrightBlocked(SourceError):
    """The video was blocked by a copyright claim."""


class VideoRemoved(SourceError):
    """The video has been removed."""


class VideoUnavailable(SourceError):
    """The video is not available."""


class LiveNotStarted(SourceError):
    """The live stream has not started yet."""

    remedy, passes_soon = Remedy.LATER, False


class ChannelNotLive(SourceError):
    """This channel is not live now."""


class LiveMomentGone(SourceError):
    """The stream no longer contains this moment; its recording may, once the stream has ended."""

    remedy, passes_soon = Remedy.LATER, False


class LiveEndedNotReady(SourceError):
    """The live stream has ended and its recording is not ready yet."""

    remedy, passes_soon = Remedy.LATER, False


class LiveNotSupported(SourceError):
    """The video is a running live stream; a time range of it cannot be cut this way."""


class DrmProtected(SourceError):
    """The video is DRM protected."""


class FormatNotAvailable(SourceError):
    """The video does not exist in this format, or this server cannot produce it."""


class FormatRefused(FormatNotAvailable):
    """This server cannot produce this format; nothing was started."""

    kind = ErrorKind.UNPROCESSABLE


FormatRefused.code = FormatNotAvailable.code


class JsRuntimeRequired(SourceError):
    """The links of this video could not be deciphered: a JavaScript runtime is needed."""

    remedy = Remedy.OPERATOR


class PoTokenRequired(SourceError):
    """The video site asks for a proof-of-origin token; the operator can configure a provider."""

    remedy = Remedy.OPERATOR


class FormatsWithheld(SourceError):
    """The video site offers this server no usable formats."""

    remedy = Remedy.OPERATOR


class ExtractorBroken(SourceError):
    """The video site has changed; yt-dlp needs an update."""

    remedy = Remedy.OPERATOR


class CookiesInvalid(SourceError):
    """The configured cookies are no longer valid."""

    remedy = Remedy.OPERATOR


class MediaForbidden(SourceError):
    """The media server refused to deliver the video."""

    remedy = Remedy.LATER


class MediaGone(SourceError):
    """The media server no longer has the video."""

    remedy = Remedy.LATER


class Network(SourceError):
    """The connection to the video site failed."""

    remedy = Remedy.LATER


class NetworkTimeout(SourceError):
    """The video site did not answer in time."""

    remedy = Remedy.LATER


class ProxyError(SourceError):
    """The configured proxy does not work."""

    # A proxy that restarts or changes its address is back within seconds; if it is not, the operator can act.
    kind, remedy, retried = ErrorKind.UNAVAILABLE, Remedy.OPERATOR, True


class TlsError(SourceError):
    """The certificate of the video site could not be verified."""

    remedy = Remedy.OPERATOR


class CaptionsUnavailable(SourceError):
    """The video has no captions of this kind in this language."""


class FileTooLarge(SourceError):
    """The video is larger than this service allows."""


class StreamUnreadable(SourceError):
    """This type of stream cannot be read."""


class CodecNotRemuxable(SourceError):
    """The codecs of this source cannot be stored in an MP4."""


class ClipIncomplete(SourceError):
    """The finished file did not match the request and was deleted."""

    remedy = Remedy.LATER


class SegmentMissing(SourceError):
    """The server lacks a part of the video within the time range."""

    @classmethod
    def at(cls, stretches: Iterable[tuple[Fraction, Fraction]]) -> SegmentMissing:
        """Return the error for these ranges in seconds of the video, which ``details["missing"]`` lists."""
        missing = [{"start": round(float(start), 3), "end": round(float(end), 3)} for start, end in stretches]
        times = ", ".join(f"{one['start']:g} to {one['end']:g} s" for one in missing)
        return cls(f"The server of this video lacks a part of it within the time range: {times}.", missing=missing)


class Unknown(SourceError):
    """The video could not be fetched."""

    remedy = Remedy.DEVELOPER
