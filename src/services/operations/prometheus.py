"""Writes the metrics of the service in Prometheus' text format 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from src.models.video import Status
from src.services.operations.health import Metrics

# (labels, value) of one sample; ``None`` is omitted. Labels are internal names: kinds, states, codes, queues.
Sample = tuple[Mapping[str, str], float | None]
Family = tuple[str, str, str, list[Sample]]


def prometheus_text(metrics: Metrics) -> str:
    """Write all families, each with its description and type."""
    lines: list[str] = []
    for name, kind, meaning, samples in (*_gauges(metrics), *_counters(metrics)):
        written = [f"ytdl_{name}{_labels(labels)} {value}" for labels, value in samples if value is not None]
        if written:
            lines += [f"# HELP ytdl_{name} {meaning}", f"# TYPE ytdl_{name} {kind}", *written]
    lines += _histogram(metrics)
    return "\n".join(lines) + "\n"


def _gauges(metrics: Metrics) -> Iterable[Family]:
    machine, jobs, queues = metrics.machine, metrics.jobs, metrics.queues

    def one(value: float | None) -> list[Sample]:
        return [({}, value)]

    return [
        ("sessions_active", "gauge", "Guest sessions that count now.", one(metrics.active_sessions)),
        ("sessions_limit", "gauge", "Guest sessions that may exist at once.", one(metrics.session_limit)),
        ("jobs", "gauge", "Jobs on record, by state.", [({"status": each.value}, jobs.of(each)) for each in Status]),
        ("queue_depth", "gauge", "Jobs that wait for a worker.", [({"queue": q.name}, q.waiting) for q in queues]),
        ("queue_running", "gauge", "Jobs that are worked on.", [({"queue": q.name}, q.running) for q in queues]),
        (
            *("queue_oldest_seconds", "gauge", "How long the oldest waiting job has waited; 0 when none waits."),
            [({"queue": q.name}, q.oldest_seconds) for q in queues],
        ),
        ("storage_used_bytes", "gauge", "Bytes of all finished files.", one(jobs.file_bytes)),
        ("disk_free_bytes", "gauge", "Bytes that are free on the disk of the files.", one(machine.disk_free_bytes)),
        ("disk_used_percent", "gauge", "Share of that disk that is used.", one(machine.disk_percent)),
        ("cpu_load_percent", "gauge", "Load of the last minute per core.", one(machine.cpu_percent)),
        ("memory_used_percent", "gauge", "Share of the memory that is used.", one(machine.memory_percent)),
        ("ffmpeg_processes", "gauge", "FFmpeg processes on this host.", one(metrics.ffmpeg_processes)),
        ("capture_pool_bytes", "gauge", "Bytes of segments that captures share now.", one(metrics.capture_bytes)),
        ("uptime_seconds", "gauge", "Seconds since this process started.", one(metrics.uptime_seconds)),
    ]


def _counters(metrics: Metrics) -> Iterable[Family]:
    counts = metrics.counts
    return [
        (
            *("jobs_ended_total", "counter", "Jobs that have ended, by kind and state."),
            [({"kind": kind, "status": status}, number) for (kind, status), number in counts.ended.items()],
        ),
        (
            *("job_failures_total", "counter", "Jobs that have ended badly, by kind and code."),
            [({"kind": kind, "code": code}, number) for (kind, code), number in counts.failures.items()],
        ),
        (
            *("job_retries_total", "counter", "Attempts that failed and are repeated, by kind and code."),
            [({"kind": kind, "code": code}, number) for (kind, code), number in counts.retries.items()],
        ),
        (
            *("capture_segments_total", "counter", "Segments of running streams that were fetched."),
            [({}, counts.captured_segments)],
        ),
        ("capture_bytes_total", "counter", "Bytes of these segments.", [({}, counts.captured_bytes)]),
    ]


def _histogram(metrics: Metrics) -> list[str]:
    lines: list[str] = []
    name = "ytdl_job_duration_seconds"
    for kind, durations in metrics.counts.durations.items():
        lines += [
            f"{name}_bucket{_labels({'kind': kind, 'le': _bound(bound)})} {number}"
            for bound, number in durations.buckets.items()
        ]
        lines += [f"{name}_sum{_labels({'kind': kind})} {durations.seconds}"]
        lines += [f"{name}_count{_labels({'kind': kind})} {durations.count}"]
    meaning = "How long the last attempt of an ended job took, by kind."
    return [f"# HELP {name} {meaning}", f"# TYPE {name} histogram", *lines] if lines else []


def _bound(seconds: float) -> str:
    return "+Inf" if math.isinf(seconds) else f"{seconds:g}"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
