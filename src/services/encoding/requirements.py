"""Refuses plans that the chosen FFmpeg program cannot carry out, before it does any work."""

from __future__ import annotations

from typing import Final

from src.errors import FormatNotAvailable
from src.models.abilities import TONE_MAP, Abilities, encode_trial, encoder_trial, filter_trial, lossless_trial
from src.models.encode_plan import EncodePlan
from src.models.params import Codec, Quality
from src.services.encoding.geometry import PAD_PLANES
from src.services.encoding.trials import FILTERS, LOSSLESS, LOSSY

_TONE_MAP_FILTERS: Final = frozenset({"zscale", "tonemap"})
_PLANE_FILTERS: Final = ("extractplanes", "mergeplanes", "pad", "fillborders")


def require_abilities(plan: EncodePlan, able: Abilities) -> None:
    """Require that a program can do everything that a plan contains.

    Raises:
        FormatNotAvailable: it cannot; the text names what is missing.
    """
    missing = [trial for trial in _trials(plan) if not able.can(trial)]
    if missing:
        raise FormatNotAvailable(f"The FFmpeg of this server cannot do this: it lacks {', '.join(missing)}")


def require_vmaf(able: Abilities, *, needed: bool) -> None:
    """Require that a program can measure VMAF, if that is needed.

    Raises:
        FormatNotAvailable: it cannot.
    """
    if needed and not able.can(filter_trial("libvmaf")):
        raise FormatNotAvailable("The FFmpeg of this server cannot measure VMAF (it lacks the filter libvmaf)")


def can_all(able: Abilities, codec: Codec, quality: Quality) -> bool:
    """Whether a program can encode any video so: a quick answer that does not need the facts of the video."""
    trials = [filter_trial(name) for name in FILTERS if name != "libvmaf"]
    trials += [TONE_MAP, encoder_trial("aac"), encoder_trial("mov_text")]
    encoders = LOSSLESS if quality == "lossless" else LOSSY
    named = lossless_trial if quality == "lossless" else encode_trial
    reached: dict[str, bool] = {}
    for of, encoder, formats in encoders:
        for pixel_format in formats if of == codec else ():
            reached[pixel_format] = reached.get(pixel_format, False) or able.can(named(encoder, pixel_format))
    # Small and fast videos need libaom even where SVT-AV1 works.
    small = codec != "av1" or all(able.can(named("libaom-av1", form)) for form in reached)
    return small and all(reached.values()) and all(able.can(trial) for trial in trials)


def _trials(plan: EncodePlan) -> list[str]:
    """Return the names of the trials on which a plan depends, each once."""
    video = plan.video
    trials: list[str] = []
    if video.action == "encode":
        named = lossless_trial if video.lossless else encode_trial
        trials.append(named(video.encoder, video.pixel_format))
    for name in (one.name for one in video.filters):
        if name in _TONE_MAP_FILTERS:
            trials.append(TONE_MAP)
        elif name == PAD_PLANES:
            trials += map(filter_trial, _PLANE_FILTERS)
        else:
            trials.append(filter_trial(name))
    if any(track.action == "encode" for track in plan.audio):
        trials.append(encoder_trial("aac"))
    if plan.subtitles:
        trials.append(encoder_trial("mov_text"))
    return list(dict.fromkeys(trials))
