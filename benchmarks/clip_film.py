"""The benchmark's film: 20 minutes of 1080p30 whose every frame shows its number, about 4 Mbit/s, key frames every 5 s.

Three minutes around the clips hold moving noise, which costs an encoder what real pictures do; the rest is cheap
to make. The H.264 film is padded to a constant rate, so a download of all of it has its realistic size; VP9 has no
such padding, and its outer parts are small.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from tests.tools.media_kit import FFMPEG, Film, cached_file, make_film

FPS, SECONDS, GOP_FRAMES, SHORT_SECONDS = 30, 1200, 150, 45
NOISY = (540, 720)
RATE = "4M"
NOISE = 6

_X264 = (
    "-preset superfast -bf 2 -b:v 4M -maxrate 4M -minrate 4M -bufsize 4M -x264-params "
    f"nal-hrd=cbr:filler=1:keyint={GOP_FRAMES}:min-keyint={GOP_FRAMES}:scenecut=0:open-gop=0"
)
_VP9 = f"-deadline realtime -cpu-used 8 -row-mt 1 -b:v 4M -crf 40 -g {GOP_FRAMES} -keyint_min {GOP_FRAMES}"


def picture(codec: str) -> Path:
    """The picture, video only: an MP4 with sidx (h264) or a WebM with Cues (vp9)."""
    suffix = ".mp4" if codec == "h264" else ".webm"
    return cached_file(f"benchmark {codec} {_X264} {_VP9} {NOISY} {NOISE}", suffix, lambda path: _make(path, codec))


def short_picture() -> Path:
    """The first 45 s of such noise, H.264, for what does not depend on the length of a film."""

    def make(path: Path) -> None:
        film = replace(_film("h264", NOISY[0], NOISY[0] + SHORT_SECONDS), first_frame_number=0)
        _wrap(make_film(path, film), path.suffix)

    return cached_file(f"benchmark short h264 {_X264} {SHORT_SECONDS} {NOISE}", ".mp4", make)


def short_sound() -> Path:
    """The sound of ``short_picture``."""
    film = _film(None, 0, SHORT_SECONDS, audio="aac")
    return cached_file(
        f"benchmark short sound {SHORT_SECONDS}", ".mp4", lambda path: _wrap(make_film(path, film), ".mp4")
    )


def sound(codec: str) -> Path:
    """The sound: AAC in MP4 with sidx, or Opus in WebM."""
    suffix = ".mp4" if codec == "aac" else ".webm"
    film = _film(None, 0, SECONDS, audio=codec)
    return cached_file(f"benchmark sound {codec}", suffix, lambda path: _wrap(make_film(path, film), suffix))


def _film(codec: str | None, start: int, end: int, *, audio: str | None = None) -> Film:
    noisy = start == NOISY[0]
    return Film(
        codec=codec,  # type: ignore[arg-type]
        size=(1920, 1080),
        fps=Fraction(FPS),
        seconds=Fraction(end - start),
        first_frame_number=start * FPS,
        gop_frames=GOP_FRAMES,
        noise=NOISE if noisy else 0,
        audio=audio,  # type: ignore[arg-type]
        audio_bitrate="128k",
        extra=tuple((_X264 if codec == "h264" else _VP9).split()) if codec else (),
    )


def _make(path: Path, codec: str) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        pieces = []
        for start, end in ((0, NOISY[0]), NOISY, (NOISY[1], SECONDS)):
            piece = Path(folder) / f"{start}{path.suffix}"
            print(f"making {codec} {start}-{end} s", flush=True)
            make_film(piece, _film(codec, start, end))
            pieces.append(piece)
        listing = Path(folder) / "pieces.txt"
        listing.write_text("".join(f"file '{piece}'\n" for piece in pieces))
        command = [FFMPEG, "-v", "error", "-f", "concat", "-safe", "0", "-i", str(listing), "-c", "copy"]
        subprocess.run([*command, *_container(path.suffix), "-y", str(path)], check=True)


def _wrap(path: Path, suffix: str) -> None:
    whole = path.with_name(f"wrapped-{path.name}")
    subprocess.run(
        [FFMPEG, "-v", "error", "-i", str(path), "-c", "copy", *_container(suffix), "-y", str(whole)], check=True
    )
    whole.replace(path)


def _container(suffix: str) -> list[str]:
    if suffix == ".webm":
        return ["-cues_to_front", "1"]
    flags = "+frag_keyframe+dash+delay_moov+default_base_moof+global_sidx"
    return ["-movflags", flags, "-frag_duration", "5000000"]


if __name__ == "__main__":
    for made in (sound("aac"), sound("opus"), picture("h264"), picture("vp9")):
        print(made, f"{made.stat().st_size / 1e6:.0f} MB")
