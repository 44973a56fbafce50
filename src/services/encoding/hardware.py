"""Finds working hardware encoders and adapts plans to them.

They are only used if ``HARDWARE_ENCODING`` allows it, and never for lossless. A video that the device refuses is
encoded in software.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from src.errors import AppError
from src.models.encode_plan import EncodePlan, Filter, Options
from src.models.outcome import Note, NoteCode
from src.models.params import Codec
from src.services.ffmpeg_utils_service import FFmpeg
from src.utils.ffmpeg_limits import Limits

RENDER_NODE: Final = Path("/dev/dri/renderD128")
_NAMES: Final[dict[Codec, str]] = {"h264": "h264", "h265": "hevc", "av1": "av1"}
_TRIAL: Final = Limits(wall_seconds=15.0, stall_seconds=10.0)


@dataclass(frozen=True, slots=True)
class Device:
    """A family of hardware encoders: its name in the setting, the options for a constant quality, fixed options, and
    whether frames must be uploaded."""

    name: str
    quality_options: tuple[str, ...]
    fixed: Options = ()
    upload: bool = False


DEVICES: Final = (
    Device("nvenc", ("cq",), (("preset", "p5"), ("rc", "vbr"), ("b", "0"))),
    Device("qsv", ("global_quality",), (("preset", "slow"),)),
    Device("vaapi", ("qp",), (("rc_mode", "CQP"),), upload=True),
    Device("amf", ("qp_i", "qp_p"), (("rc", "cqp"), ("quality", "quality"))),
)


def candidates(setting: str) -> tuple[Device, ...]:
    """Return the devices that a setting allows: ``off``, ``auto`` or the name of one."""
    if setting == "off":
        return ()
    return tuple(device for device in DEVICES if setting in ("auto", device.name))


def find_device(programs: Iterable[FFmpeg], setting: str, codec: Codec) -> tuple[FFmpeg, Device] | None:
    """Find the first allowed device, and the first program, that succeed in encoding five frames of this codec."""
    devices = [device for device in candidates(setting) if not device.upload or RENDER_NODE.exists()]
    for device, program in product(devices, programs):
        # In the sandbox of the encodes: a driver that does not work there would fail each of them.
        confined = program.confined(reads=[], writes=[], devices=True)
        chain = "format=nv12,hwupload" if device.upload else "format=nv12"
        args = [*global_options(device), "-f", "lavfi", "-i", "testsrc2=s=640x360:d=0.2", "-vf", chain]
        try:
            confined.run([*args, "-c:v", encoder_name(codec, device), "-f", "null", "-"], limits=_TRIAL)
        except AppError:
            continue
        return program, device
    return None


def encoder_name(codec: Codec, device: Device) -> str:
    """Return FFmpeg's name of the hardware encoder of a codec."""
    return f"{_NAMES[codec]}_{device.name}"


def global_options(device: Device) -> list[str]:
    """Return the options before the inputs."""
    return ["-vaapi_device", str(RENDER_NODE)] if device.upload else []


def with_device(plan: EncodePlan, device: Device) -> EncodePlan:
    """Replace the software encoder of a plan by a hardware encoder. Lossless and copied streams are not changed.

    The quality number is the software encoder's rate factor: the scales are similar, but not equal.
    """
    video = plan.video
    if video.lossless or video.action == "copy":
        return plan
    options = dict(video.options)
    factor = str(round(float(options["crf"])))  # devices take whole numbers
    quality = tuple((name, factor) for name in device.quality_options)
    surface = "p010le" if video.pixel_format.endswith("10le") else "nv12"
    filters = (*video.filters, Filter("format", (("pix_fmts", surface),)))
    if device.upload:
        filters += (Filter("hwupload"),)
    encoder = encoder_name(video.codec, device)
    changed = dataclasses.replace(
        video, encoder=encoder, options=(("g", options["g"]), *device.fixed, *quality), filters=filters
    )
    note = Note(NoteCode.HARDWARE, f"Encoded by the hardware encoder {encoder}")
    return dataclasses.replace(plan, video=changed, notes=(*plan.notes, note))
