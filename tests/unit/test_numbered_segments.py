"""Addresses, facts, numbers and times of numbered segments, without a network."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from src.models.captured import LiveTrack, Record, covered
from src.models.source import Extraction, LiveStatus
from src.models.time_window import Window
from src.services.live.numbered.addresses import broadcast_of, expires_at, head_url, moved, segment_url
from src.services.live.numbered.facts import Facts, init_of, read_facts
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.placing import placed
from src.services.live.numbered.search import Absence, find_number
from src.services.youtube.formats import read_info, read_numbered

QUERY = "https://rr1.example.com/videoplayback?expire=1900000000&id=abc.2&itag=140&live=1&sig=AB%3D%3D"
PATH = "https://rr1.example.com/videoplayback/expire/1900000000/id/abc.2/itag/140/live/1/dur/2.000/sig/AB%3D%3D"
TEXT = (
    b"\x07\x00\x1aVSequence-Number: 41\r\nIngestion-Walltime-Us: 1700000000123456\r\nIngestion-Uncertainty-Us: 46\r\n"
    b"Stream-Duration-Us: 82000000\r\nMax-Dvr-Duration-Us: 14400000000\r\nTarget-Duration-Us: 2000000\r\n\r\n"
)


def test_addresses_keep_what_is_signed() -> None:
    assert segment_url(QUERY, 7) == f"{QUERY}&sq=7"
    assert segment_url(f"{QUERY}&sq=5", 7) == f"{QUERY}&sq=7"
    assert segment_url(PATH, 7) == f"{PATH}/sq/7"
    assert segment_url(f"{PATH}/", 7) == f"{PATH}/sq/7"
    assert segment_url(f"{PATH}/sq/5/lmt/3", 7) == f"{PATH}/sq/7/lmt/3"
    listed = "https://h/videoplayback/id/abc.8/playlist/index.m3u8/sq/8243/goap/x/dur/5.000/file/seg.ts"
    assert segment_url(listed, 9) == listed.replace("8243", "9")
    assert (head_url(f"{QUERY}&sq=5"), head_url(f"{PATH}/sq/5")) == (QUERY, PATH)


def test_links_state_their_end_and_their_broadcast() -> None:
    for link in (QUERY, PATH):
        assert expires_at(link) == datetime.fromtimestamp(1_900_000_000, UTC)
        assert broadcast_of(link) == "abc.2"
        assert moved(link, "https://rr2.example.net:444/other?x") == link.replace(
            "rr1.example.com", "rr2.example.net:444"
        )
    assert expires_at("https://h/videoplayback?expire=soon") is None and broadcast_of("https://h/") == ""


def test_facts_are_found_by_their_names() -> None:
    facts = Facts(41, Fraction(1_700_000_000_123_456, 1_000_000), Fraction(82), Fraction(2))
    assert read_facts(bytes(700) + TEXT + bytes(900)) == facts
    assert read_facts(TEXT.replace(b"\r\n", b"\n")) == facts
    few = TEXT.replace(b"Stream-Duration", b"Other").replace(b"Target-Duration", b"Other")
    assert read_facts(few) == Facts(41, facts.ingested)
    for broken in (b"", TEXT[:20], TEXT.replace(b"Ingestion-Walltime", b"Other"), TEXT.replace(b"41\r", b"x\r")):
        assert read_facts(broken) is None


def test_an_initialisation_is_separated_from_the_media() -> None:
    def box(name: bytes, content: bytes = b"....") -> bytes:
        return (len(content) + 8).to_bytes(4, "big") + name + content

    init = box(b"ftyp") + box(b"moov")
    assert init_of(init + box(b"emsg") + box(b"moof") + box(b"mdat")) == init
    assert init_of(box(b"styp") + box(b"moof") + box(b"mdat")) is None and init_of(b"") is None
    head = b"\x1a\x45\xdf\xa3head" + b"\x16\x54\xae\x6btracks"
    assert init_of(head + b"\x1f\x43\xb6\x75cluster") == head
    assert init_of(b"\x1f\x43\xb6\x75cluster") is None


@pytest.mark.parametrize("seed", range(12))
def test_the_number_of_a_moment_is_found_with_few_questions(seed: int) -> None:
    """With gaps in the wall clock, equal times, segments that are gone, and single ones that cannot be read."""
    chance = random.Random(seed)
    count = chance.randrange(1, 2_000)
    times, at = [], Fraction(1_700_000_000)
    for _ in range(count):
        times.append(at)
        at += chance.choice([Fraction(2)] * 60 + [Fraction(0), Fraction(1, 10), Fraction(229, 10), Fraction(3000)])
    gone = chance.choice([0, 0, chance.randrange(count)])
    broken = {number for number in (chance.randrange(count) for _ in range(3)) if gone < number < count - 1}
    asked: list[int] = []

    def facts_of(number: int) -> Facts | Absence:
        asked.append(number)
        if number < gone:
            return Absence.GONE
        return Absence.BROKEN if number in broken else Facts(number, times[number], None, Fraction(2))

    for moment in (times[-1] + 5, times[gone] - 5, times[chance.randrange(count)] + Fraction(1, 3)):
        asked.clear()
        readable = [n for n in range(gone, count) if n not in broken]
        before = [n for n in readable if times[n] <= moment]
        assert find_number(moment, count - 1, facts_of) in ([before[-1]] if before else range(gone, readable[0] + 1))
        assert len(asked) == len(set(asked)) <= 32


def record(number: int, start: str, media: str | None, duration: int = 2, epoch: int = 0) -> Record:
    at = None if media is None else Fraction(media)
    return Record(epoch, number, 0, Fraction(start), Fraction(duration), "x", own_clock=True, media_at=at)


def test_segments_start_when_they_were_ingested_and_last_as_long_as_their_media() -> None:
    records = [
        record(0, "100.02", "0"),
        record(1, "101.19", "1.2"),
        record(2, "103.23", "3.2"),
        record(4, "107", "7.2"),
    ]
    found = placed(records)
    assert [each.start for each in found] == [each.start for each in records]
    assert [each.duration for each in found] == [Fraction("1.2"), 2, 2, 2]


def test_late_segments_are_placed_by_those_that_prove_it() -> None:
    """Three arrive at once after a pause: the media has not stopped. A pause that nothing catches up is a gap."""
    late = [record(n, start, str(2 * n)) for n, start in enumerate(["100", "102", "110.3", "110.4", "110.4", "110.5"])]
    late += [record(6, "112.5", "12"), record(7, "114.5", "14")]
    starts = [float(each.start) for each in placed(late)]
    assert starts == [100, 102, 104.5, 106.5, 108.5, 110.5, 112.5, 114.5]
    assert covered(placed(late)) and len({span.end for span in covered(placed(late))}) == 8
    gap = [record(n, str(100 + 2 * n + (23 if n > 2 else 0)), str(2 * n)) for n in range(20)]
    assert [each.start for each in placed(gap)] == [each.start for each in gap]


def test_jitter_is_no_hole_and_a_pause_is_one() -> None:
    calm = placed([record(0, "100", "0"), record(1, "102.2", "2"), record(2, "103.9", "4")])
    assert covered(calm)[0] == Window(Fraction(100), Fraction("102.2"))
    paused = placed([record(0, "100", "0"), record(1, "102.9", "2")])
    assert covered(paused)[0].end == 102


def test_links_are_renewed_before_the_age_at_which_others_died() -> None:
    at = datetime.fromtimestamp(1_700_000_000, UTC)
    links, life = Links((LiveTrack("audio", QUERY),), at), LinkLife()
    assert life.ends_at(links) == 1_900_000_000 - 600
    life.died(links, Fraction(1_700_000_031))
    life.died(links, Fraction(1_700_000_040))
    assert life.ends_at(links) == 1_700_000_000 + Fraction("27.9")
    assert LinkLife().ends_at(Links((LiveTrack("audio", "https://h/x"),), at)) is None


def test_numbered_formats_are_no_files_and_recordings_have_none() -> None:
    link = {"url": QUERY, "protocol": "https", "ext": "mp4", "container": "mp4_dash", "vcodec": "avc1", "height": 144}
    by_number = {**link, "format_id": "160", "acodec": "none", "width": 256}
    file = {**by_number, "format_id": "137", "filesize": 1000}
    after = {**by_number, "format_id": "133", "protocol": "http_dash_segments"}
    listed = {**after, "format_id": "134", "manifest_url": "https://h/dash"}
    raw = {"id": "abcdefghijk", "formats": [by_number, file, after, listed]}
    for status in (LiveStatus.IS_LIVE, LiveStatus.POST_LIVE):
        found = {**raw, "live_status": status.value}
        assert [entry.id for entry in read_numbered(found)] == ["160", "133"]
        assert [entry.id for entry in read_info(found, "").formats] == ["137"]
    for other in (LiveStatus.WAS_LIVE, LiveStatus.NOT_LIVE):
        found = {**raw, "live_status": other.value}
        assert read_numbered(found) == ()
        assert [entry.id for entry in read_info(found, "").formats] == ["160", "137"]


def test_an_extraction_of_an_older_release_is_still_read() -> None:
    from pydantic import TypeAdapter

    info = read_info({"id": "abcdefghijk", "formats": []}, "")
    adapter = TypeAdapter(Extraction)
    fields = adapter.dump_python(Extraction(info, {}), mode="json")
    del fields["numbered"]
    assert adapter.validate_python(fields).numbered == ()
