"""Which FFmpeg does which work depends on what each can do; the abilities of real programs were recorded.

``tests/unit/recorded_programs`` holds the results of the trials in ``encoding/trials.py``: the bundled program, and
those of Debian 11, 12 and 13. That of Ubuntu 22.04 was not run: its FFmpeg 4.4 is older than the option ``fps_mode``,
with which every encode is written. Ubuntu 24.04's 6.1 lies between those of Debian 12 and 13, and is built as they are.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from src.errors import FormatNotAvailable, JobTimeout
from src.models.abilities import RUNS, Abilities, encoder_trial, lossless_trial
from src.models.media import AudioStream, MediaInfo, VideoStream
from src.models.params import Codec, Quality
from src.services.encoding.ability_store import AbilityStore
from src.services.encoding.planner import plan_encode
from src.services.encoding.programs import FFmpegPrograms
from src.services.encoding.requirements import can_all, require_vmaf
from src.services.encoding.trials import BASE, PARTS
from src.utils.ffmpeg_program import FoundProgram

RECORDED = Path(__file__).parent / "recorded_programs"


def recorded(name: str) -> Abilities:
    return Abilities.of_fields(json.loads((RECORDED / f"{name}.json").read_text()))


BUNDLED, DEBIAN_11, DEBIAN_12, DEBIAN_13 = map(recorded, ("bundled", "debian-11", "debian-12", "debian-13"))
UBUNTU_22_04 = recorded("ubuntu-22.04")
UBUNTU_24_04 = replace(DEBIAN_12, version="6.1.1-3ubuntu5", decodes=DEBIAN_12.decodes & DEBIAN_13.decodes)


class Machine:
    """Two programs whose trials have given results."""

    def __init__(self, folder: Path, installed: Abilities, bundled: Abilities = BUNDLED) -> None:
        self.examined: list[str] = []
        self.abilities = {"bundled": bundled, "installed": installed}
        self.folder = folder
        self.found = []
        for origin in ("bundled", "installed"):
            program = folder / origin
            program.write_text("#!/bin/sh\necho ffmpeg version 1\n")
            program.chmod(0o755)
            self.found.append(FoundProgram(program, origin))

    def store(self) -> AbilityStore:
        return AbilityStore(self.folder / "data", self.examine)

    def examine(self, program: Path, part: str, _: Path | None) -> Abilities:
        if part == BASE:
            self.examined.append(program.name)
        return self.abilities[program.name]

    def chosen(self) -> tuple[str, str]:
        programs = FFmpegPrograms(self.found, self.store())
        programs.examine_all()
        choice = programs.choose()
        return choice.program.origin, choice.reason


@pytest.mark.parametrize("able", [DEBIAN_12, DEBIAN_13, UBUNTU_24_04])
def test_a_less_able_program_on_the_path_changes_nothing(able: Abilities, tmp_path: Path) -> None:
    origin, reason = Machine(tmp_path, able).chosen()
    assert origin == "bundled"
    assert "filter libvmaf, lossless libsvtav1 yuv420p" in reason


def test_what_lies_between_debian_12_and_13_can_do_the_same() -> None:
    assert DEBIAN_12.trials == DEBIAN_13.trials


@pytest.mark.parametrize("able", [DEBIAN_11, UBUNTU_22_04])
def test_a_program_that_does_not_run_is_not_used(able: Abilities, tmp_path: Path) -> None:
    origin, reason = Machine(tmp_path, able).chosen()
    assert origin == "bundled"
    assert "does not work here: Unrecognized option" in reason


def test_an_installed_program_that_can_do_as_much_does_the_work(tmp_path: Path) -> None:
    old = replace(BUNDLED, version="0.1")
    assert Machine(tmp_path, old).chosen() == ("installed", "The installed FFmpeg can do all that the bundled one can")


def test_an_installed_program_replaces_a_bundled_one_that_does_not_run(tmp_path: Path) -> None:
    assert (
        Machine(tmp_path, DEBIAN_12, Abilities("", trials={RUNS: "it needs another C library"})).chosen()[0]
        == "installed"
    )


def test_a_configured_program_does_all_work_without_trials(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    programs = FFmpegPrograms([replace(machine.found[1], origin="configured")], machine.store())
    assert (programs.choose().program.path, machine.examined) == (machine.found[1].path, [])


def test_the_bundled_program_works_until_the_trials_are_done(tmp_path: Path) -> None:
    machine, done, ended = Machine(tmp_path, BUNDLED), threading.Event(), threading.Event()
    programs: FFmpegPrograms

    def examine(program: Path, part: str, _: Path | None) -> Abilities:
        done.wait()
        if (program.name, part) == ("installed", PARTS[-1]):
            ended.set()
        return BUNDLED

    store = AbilityStore(machine.folder / "data", examine)
    programs = FFmpegPrograms(machine.found, store)
    software = programs.software()
    assert [software.program.name for _ in range(3)] == 3 * ["bundled"]
    done.set()
    ended.wait()
    programs.examine_all()  # waits for the lock of the trials in the background
    assert software.program.name == "installed"


def test_a_program_is_tried_once_for_all_processes(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    for _ in range(2):
        FFmpegPrograms(machine.found, machine.store()).examine_all()
    assert machine.examined == ["bundled", "installed"]


def test_a_program_that_changes_is_tried_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    programs = FFmpegPrograms(machine.found, machine.store())
    programs.examine_all()
    machine.found[1].path.write_text("#!/bin/sh\necho ffmpeg version 2\n")
    machine.abilities["installed"] = BUNDLED
    programs.examine_all()
    assert machine.examined == ["bundled", "installed", "installed"]
    assert programs.choose().program.origin == "installed"


def test_damaged_results_are_replaced(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    FFmpegPrograms(machine.found, machine.store()).examine_all()
    for stored in (tmp_path / "data").glob("*.json"):
        stored.write_text('{"version": ')
    FFmpegPrograms(machine.found, machine.store()).examine_all()
    assert machine.examined == 2 * ["bundled", "installed"]


def test_results_that_cannot_be_stored_are_used(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    (tmp_path / "data").write_text("a file, not a folder")
    programs = FFmpegPrograms(machine.found, machine.store())
    programs.examine_all()
    assert programs.abilities(machine.found[1].path, "av1", lossless=True) == DEBIAN_12
    assert machine.examined == ["bundled", "installed"]


def test_disturbed_trials_say_nothing_about_the_program(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)

    def disturbed(program: Path, part: str, _: Path | None) -> Abilities:
        raise JobTimeout()

    with pytest.raises(JobTimeout):
        FFmpegPrograms(machine.found, AbilityStore(tmp_path / "data", disturbed)).examine_all()
    assert machine.chosen()[0] == "bundled"


def planned(able: Abilities, codec: Codec, quality: Quality, pixel_format: str) -> str:
    video = VideoStream(0, "ffv1", 1280, 720, pixel_format, Fraction(25), Fraction(1, 1000))
    audio = AudioStream(index=1, codec="opus", sample_rate=48000, channels=2)
    media = MediaInfo("matroska,webm", 10.0, 1_000_000, video=(video,), audio=(audio,))
    return plan_encode(media, codec, quality, able=able).video.encoder


@pytest.mark.parametrize(("codec", "encoder"), [("h264", "libx264"), ("h265", "libx265"), ("av1", "libaom-av1")])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("able", [DEBIAN_12, DEBIAN_13, UBUNTU_24_04])
def test_debian_encodes_without_loss_with_the_encoders_that_are_exact(
    able: Abilities, pixel_format: str, codec: Codec, encoder: str
) -> None:
    assert can_all(able, codec, "lossless")
    assert planned(able, codec, "lossless", pixel_format) == encoder
    assert planned(BUNDLED, "av1", "lossless", "yuv420p") == "libsvtav1"


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
@pytest.mark.parametrize("quality", ["lossless", "high"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
@pytest.mark.parametrize("able", [DEBIAN_11, UBUNTU_22_04])
def test_what_a_program_cannot_do_is_refused(
    able: Abilities, pixel_format: str, quality: Quality, codec: Codec
) -> None:
    assert not can_all(able, codec, quality)
    with pytest.raises(FormatNotAvailable, match="FFmpeg of this server"):
        planned(able, codec, quality, pixel_format)


def without(able: Abilities, *trials: str) -> Abilities:
    return replace(able, trials={**able.trials, **dict.fromkeys(trials, "The encode is not lossless")})


def test_eight_bits_are_possible_where_ten_are_not() -> None:
    able = without(DEBIAN_12, lossless_trial("libx265", "yuv420p10le"))
    assert not can_all(able, "h265", "lossless")
    assert planned(able, "h265", "lossless", "yuv420p") == "libx265"
    with pytest.raises(FormatNotAvailable, match=r"lossless H\.265 of 10 bits"):
        planned(able, "h265", "lossless", "yuv420p10le")


def test_libaom_writes_av1_where_svt_does_not_work() -> None:
    able = without(BUNDLED, "encode libsvtav1 yuv420p")
    assert planned(able, "av1", "high", "yuv420p") == "libaom-av1"


def test_audio_that_cannot_be_encoded_is_refused_as_well() -> None:
    with pytest.raises(FormatNotAvailable, match="encoder aac"):
        planned(without(BUNDLED, encoder_trial("aac")), "h264", "high", "yuv420p")


def test_vmaf_needs_a_filter_that_debian_lacks() -> None:
    require_vmaf(BUNDLED, needed=True)
    require_vmaf(DEBIAN_12, needed=False)
    with pytest.raises(FormatNotAvailable, match="libvmaf"):
        require_vmaf(DEBIAN_12, needed=True)


def test_operators_see_which_program_works_and_why(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    programs = FFmpegPrograms(machine.found, machine.store())
    programs.examine_all()
    choice, (bundled, installed) = programs.report()
    assert choice.program.origin == "bundled" and "can do less" in choice.reason
    assert bundled.problems == {}
    assert installed.problems == {
        "filter libvmaf": "This program does not have it",
        "lossless libsvtav1 yuv420p": "The encode is not lossless: frame 0 differs",
    }


def test_the_bundled_program_alone_is_not_tried_for_a_report(tmp_path: Path) -> None:
    machine = Machine(tmp_path, DEBIAN_12)
    programs = FFmpegPrograms(machine.found[:1], machine.store())
    choice, (bundled,) = programs.report()
    assert (choice.reason, bundled.problems, machine.examined) == ("It is the only FFmpeg here", None, [])
