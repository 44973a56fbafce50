"""Tests of the outcome of a job: what its surfaces say of gaps and changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from src.models.outcome import Gap, Note, NoteCode, outcome_fields, reported_outcome
from src.models.params import ClipParams
from src.models.video import Artifact, Owner, Status, VideoJob
from src.routes.schemas.streams import StreamJob
from src.routes.schemas.video import VideoListed
from src.services.events.webhooks import payload_of

NOTE = Note(NoteCode.SEGMENTS_MISSING, "A part is missing")
GAP = Gap(2.0, 4.0004, "2026-01-18T10:00:02.000Z", "2026-01-18T10:00:04.000Z")


def job_with(report: dict[str, object], status: Status = Status.COMPLETED) -> VideoJob:
    params = ClipParams(
        url="https://www.youtube.com/watch?v=dQw4w9WgXcQ", youtube_video_id="dQw4w9WgXcQ", start_time=1, end_time=2
    )
    artifact = Artifact(Path("a.mp4"), 10, "video/mp4", "a.mp4")
    now = datetime(2026, 1, 18, tzinfo=UTC)
    return VideoJob("0" * 24, Owner.user("1" * 24), params, status, now, artifact=artifact, report=report)


def test_a_file_with_a_gap_is_not_complete_and_says_so_once() -> None:
    fields = outcome_fields([NOTE, NOTE], [GAP])
    assert fields["complete"] is False
    assert fields["notes"] == [{"code": "segments_missing", "text": "A part is missing"}]
    assert fields["gaps"] == [{"start": 2.0, "end": 4.0004, "from": GAP.from_clock, "to": GAP.to_clock}]


def test_a_file_without_gaps_is_complete_whatever_was_converted() -> None:
    assert outcome_fields([NOTE]) == {"complete": True, "gaps": [], "notes": [NOTE.to_fields()]}


def test_reports_of_earlier_versions_and_jobs_without_a_file() -> None:
    assert reported_outcome({"actual": {"notes": ["old"]}}) == {"complete": True, "gaps": [], "notes": []}
    assert job_with({}, Status.PROCESSING).outcome == {"complete": None, "gaps": [], "notes": []}


def test_every_surface_shows_the_same() -> None:
    job = job_with(outcome_fields([NOTE], [GAP]))
    listed = VideoListed.of(job).model_dump(mode="json", by_alias=True)
    assert {name: listed[name] for name in job.outcome} == {
        **job.outcome,
        "gaps": [{"start": 2, "end": 4.0004, "from": GAP.from_clock, "to": GAP.to_clock}],
    }
    sent = payload_of(job, datetime.now(UTC))
    assert {name: sent[name] for name in job.outcome} == job.outcome
    assert {"complete", "gaps", "notes"} <= StreamJob.model_fields.keys()
