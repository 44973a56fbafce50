"""Deliveries of webhooks: how many are claimed while receivers take their time."""

from __future__ import annotations

import threading
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from src.data.webhook_data import Delivery
from src.models.video import Status
from src.services.events import webhooks as webhook_service
from src.services.events.webhooks import WebhookService
from src.utils.clock import SystemClock
from tests.tools.deliveries import deliver_due
from tests.tools.factories import make_clip

DUE = 40


def test_only_what_is_told_next_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, told, claimed, most = threading.Lock(), [], [0], [0]
    patience = 300.0
    due = [Delivery(str(number), "job", "https://example.com", None, 0, f"user:{number % 9}") for number in range(DUE)]

    def claim(now: datetime, until: datetime, **_: Any) -> Delivery | None:
        assert (until - now).total_seconds() > patience, "nobody else claims it while its receiver takes its time"
        with lock:
            claimed[0] += bool(due)
            most[0] = max(most[0], claimed[0])
            return due.pop() if due else None

    def deliver(_: Any, delivery: Delivery, job: Any) -> bool:
        with lock:
            claimed[0] -= 1
            told.append(delivery.id)
        return True

    ended = make_clip(status=Status.CANCELLED)
    data, jobs = SimpleNamespace(claim=claim, awaited_repairs=list), SimpleNamespace(peek=lambda _: ended)
    nobody = cast(Any, None)
    service = WebhookService(
        cast(Any, data), cast(Any, jobs), nobody, nobody, SystemClock(), attempts=1, timeout=patience
    )
    monkeypatch.setattr(WebhookService, "_deliver", deliver)
    assert deliver_due(service) == DUE and len(set(told)) == DUE
    assert most[0] <= webhook_service._MOST_AT_ONCE


def test_a_thread_that_cannot_start_costs_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the owner of the delivery would never receive another one."""
    delivery = Delivery("1", "job", "https://example.com", None, 0, "user:1", network="192.0.2.1")
    refused: list[tuple[list[str], list[str]]] = []

    def claim(*_: Any, owners: list[str], networks: list[str]) -> Delivery | None:
        refused.append((owners, networks))
        return delivery

    def no_thread(*_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    ended = make_clip(status=Status.CANCELLED)
    data, jobs = SimpleNamespace(claim=claim, awaited_repairs=list), SimpleNamespace(peek=lambda _: ended)
    nobody = cast(Any, None)
    service = WebhookService(cast(Any, data), cast(Any, jobs), nobody, nobody, SystemClock(), attempts=1, timeout=1)
    monkeypatch.setattr(webhook_service, "in_background", no_thread)
    for _ in range(webhook_service._MOST_AT_ONCE + 1):
        with pytest.raises(RuntimeError):
            service.start_due()
    assert refused == [([], [])] * (webhook_service._MOST_AT_ONCE + 1)
