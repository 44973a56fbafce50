"""What programs can do is tried for real; a lossless encode is exact, or it is refused before it starts.

``TEST_FFMPEG`` names another program to try, such as a distribution's (docs/encoding.md).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from src.errors import FormatNotAvailable, FormatRefused
from src.models.abilities import RUNS, Abilities, lossless_trial
from src.models.params import Codec
from src.services.encoding.ability_store import AbilityStore
from src.services.encoding.programs import FFmpegPrograms
from src.services.encoding.trials import BASE, PARTS, examine_program
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.utils.ffmpeg_program import FoundProgram
from src.utils.sandbox import available
from tests.engines.encode.recipes import Row, make, video
from tests.tools.media_kit import FFMPEG, TESTED_FFMPEG

pytestmark = pytest.mark.slow
# Both choose the same program unless another one is tested.
CHOICES = ("configured", "automatic") if "TEST_FFMPEG" in os.environ else ("automatic",)
CODECS: tuple[Codec, ...] = ("h264", "h265", "av1")
BUNDLED = FoundProgram(Path(FFMPEG), "bundled")


def source(form: str) -> Path:
    return make(Row(f"lossless {form}", ((*video("128x96", seconds=0.4, form=form), "-c:v", "ffv1"),), ".mkv"))


@pytest.fixture(scope="module")
def configured() -> EncodingService:
    """The program under test does all work."""
    return EncodingService(FFmpeg(TESTED_FFMPEG))


@pytest.fixture(scope="module")
def automatic(tmp_path_factory: pytest.TempPathFactory) -> EncodingService:
    """The bundled program, with the one under test on the PATH, chosen by what they can do."""
    found = [BUNDLED, FoundProgram(TESTED_FFMPEG, "installed")]
    programs = FFmpegPrograms(found, AbilityStore(tmp_path_factory.mktemp("abilities")))
    programs.examine_all()
    return EncodingService(programs.software(), programs=programs)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("codec", CODECS)
def test_lossless_is_exact_or_refused_when_it_is_requested(
    codec: Codec, form: str, choice: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    service: EncodingService = request.getfixturevalue(choice)
    upload, output = source(form), tmp_path / "out.mp4"
    try:
        service.require_possible(upload, codec, "lossless")
    except FormatRefused:
        assert choice == "configured" and "TEST_FFMPEG" in os.environ
        with pytest.raises(FormatNotAvailable):
            service.encode_video_to_mp4(upload, output, codec, "lossless")
        assert list(tmp_path.iterdir()) == []
        return
    report = service.encode_video_to_mp4(upload, output, codec, "lossless")
    assert (report.verified_frames, report.pixel_format) == (10, form)


@pytest.mark.parametrize("part", PARTS)
def test_the_bundled_program_can_do_everything(part: str) -> None:
    found = examine_program(BUNDLED.path, part)
    assert {name: problem for name, problem in found.trials.items() if problem} == {}
    assert (part == BASE) == bool(found.decodes)


def test_a_program_outside_of_the_sandbox_is_found_out_by_its_trials(tmp_path: Path) -> None:
    if available().files == "none":
        pytest.skip("this kernel has no sandbox for files")
    script = tmp_path / "ffmpeg"
    script.write_text(f'#!{tmp_path}/interpreter\n{FFMPEG} "$@"\n')
    (tmp_path / "interpreter").symlink_to("/bin/sh")
    script.chmod(0o755)
    found = examine_program(script, PARTS[1])
    assert not found.usable and found.trials[RUNS] and list(found.trials) == [RUNS]


def limited(*lacking: str) -> EncodingService:
    """The bundled program, as if some of its trials had failed."""

    def examine(program: Path, part: str, folder: Path | None) -> Abilities:
        able = examine_program(program, part, folder)
        failed = {name: "The encode is not lossless" for name in able.trials if name in lacking}
        return replace(able, trials={**able.trials, **failed})

    programs = FFmpegPrograms([BUNDLED], AbilityStore(None, examine))
    return EncodingService(programs.software(), programs=programs)


def test_only_what_a_program_lacks_is_refused(tmp_path: Path) -> None:
    service = limited(lossless_trial("libx265", "yuv420p10le"))
    with pytest.raises(FormatRefused, match="10 bits"):
        service.require_possible(source("yuv420p10le"), "h265", "lossless")
    service.require_possible(source("yuv420p"), "h265", "lossless")
    service.require_possible(source("yuv420p10le"), "h264", "lossless")
    service.require_possible(source("yuv420p10le"), "h265", "high")
    with pytest.raises(FormatNotAvailable):
        service.encode_video_to_mp4(source("yuv420p10le"), tmp_path / "o.mp4", "h265", "lossless")
    assert list(tmp_path.iterdir()) == []


def test_libaom_takes_the_place_of_an_svt_that_is_not_exact(tmp_path: Path) -> None:
    service = limited(lossless_trial("libsvtav1", "yuv420p"))
    report = service.encode_video_to_mp4(source("yuv420p"), tmp_path / "o.mp4", "av1", "lossless")
    assert (report.encoder, report.verified_frames) == ("libaom-av1", 10)
