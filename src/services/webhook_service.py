"""Webhooks: a job that has ended is told to who asked for that; signed, tried again, to public addresses only."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx

from src.data.webhook_data import Delivery, WebhookData
from src.errors import AppError, WebhookInvalid
from src.models.video import Owner, Status, VideoJob
from src.services.chat.follow_ups import message_for
from src.services.egress import EgressProxy, Limits
from src.services.job_service import JobService
from src.services.webhook_addresses import require_reachable
from src.utils.clock import Clock, utc_text
from src.utils.signing import Signer

log = logging.getLogger(__name__)

SIGNATURE_HEADER = "X-Webhook-Signature"
_PURPOSE = "webhook"
_LOOK_AGAIN = timedelta(seconds=3)  # at a job that has not ended
_CLAIM = timedelta(seconds=60)
_FIRST_PAUSE_SECONDS = 5.0
_MOST_AT_ONCE = 8
_MOST_PER_ROUND = 500
_GONE = 410
_LIMITS = Limits(requests=4, bytes=1_000_000, seconds=30)


class WebhookService:
    """Keeps what is to be told, and tells it. An address is told at least once; ``X-Webhook-Id`` tells repetitions."""

    def __init__(
        self,
        data: WebhookData,
        jobs: JobService,
        egress: EgressProxy,
        signer: Signer,
        clock: Clock,
        *,
        attempts: int,
        timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``tls`` trusts other certificates than the usual ones."""
        self._data, self._jobs, self._egress, self._signer, self._clock = data, jobs, egress, signer, clock
        self._attempts, self._timeout, self._tls = attempts, timeout, tls

    def require_valid(self, url: object, secret: object = None) -> None:
        """Pass what can be told.

        Raises:
            WebhookInvalid: an address that can never be reached, or a secret that is none.
        """
        require_reachable(url, self._egress)
        # Half a character can be spelled in JSON and is kept by no database.
        if secret is not None and not (isinstance(secret, str) and 16 <= len(secret) <= 200 and _is_text(secret)):
            raise WebhookInvalid("webhook_secret must have 16 to 200 characters")

    def register(self, job_id: str, url: str, secret: str | None = None) -> None:
        """Tell this address when the job has ended; signed with ``secret`` instead of the owner's."""
        self._data.insert(job_id, url, secret, self._clock.now())

    def register_once(self, job_id: str, url: str) -> None:
        """The same for a request that may come twice at the same time: while the address is to be told, it stays so."""
        name = hashlib.sha256(f"{job_id}\n{url}".encode()).hexdigest()[:24]
        self._data.insert(job_id, url, None, self._clock.now(), delivery_id=name)

    def secret_of(self, owner: Owner) -> str:
        """What webhooks about an owner's jobs are signed with, unless a request sent a secret of its own."""
        return self._signer.sign(_PURPOSE, f"{owner.kind.value}:{owner.id}")

    def deliver_due(self) -> int:
        """Tell everybody who is due; how many were told."""
        places = iter(range(_MOST_PER_ROUND))
        first = self._next_due(places)
        if first is None:
            return 0

        def deliver_some(due: tuple[Delivery, VideoJob] | None) -> int:
            told = 0
            while due is not None:
                told += self._deliver(*due)
                due = self._next_due(places)
            return told

        with ThreadPoolExecutor(_MOST_AT_ONCE, "webhook") as pool:
            others = [pool.submit(lambda: deliver_some(self._next_due(places))) for _ in range(_MOST_AT_ONCE - 1)]
            return deliver_some(first) + sum(other.result() for other in others)

    def _next_due(self, places: Iterator[int]) -> tuple[Delivery, VideoJob] | None:
        """Claimed only when it is told next: a claim that ran out behind slow receivers would be told twice."""
        for _ in places:
            delivery = self._data.claim(self._clock.now(), self._clock.now() + _CLAIM)
            if delivery is None:
                return None
            job = self._jobs.peek(delivery.job_id)
            if job is None:
                self._data.delete(delivery)
            elif not job.ended:
                self._data.postpone(delivery, self._clock.now() + _LOOK_AGAIN, attempts=delivery.attempts)
            else:
                return delivery, job
        return None

    def _deliver(self, delivery: Delivery, job: VideoJob) -> bool:
        try:
            status = self._send(delivery, job)
        except (httpx.HTTPError, httpx.InvalidURL, AppError) as error:
            log.info("webhook of job %s: %s", job.id, type(error).__name__)
            status = 0
        told, attempts = 200 <= status < 300, delivery.attempts + 1
        if told or status == _GONE or attempts >= self._attempts:
            if not told:
                log.warning("webhook of job %s was given up after %d tries (%d)", job.id, attempts, status)
            self._data.delete(delivery)
        else:
            pause = _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311 (only jitter)
            self._data.postpone(delivery, self._clock.now() + timedelta(seconds=pause), attempts=attempts)
        return told

    def _send(self, delivery: Delivery, job: VideoJob) -> int:
        now = self._clock.now()
        spoken = message_for(delivery.url, job)  # a chat is told in a sentence
        if spoken is not None:
            body, headers = spoken[0], {"Content-Type": spoken[1]}
        else:
            body = json.dumps(payload_of(job, now)).encode()
            signature = sign(delivery.secret or self.secret_of(job.owner), body, now)
            headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature, "X-Webhook-Id": delivery.id}
        with (
            self._egress.session(_LIMITS, upstream=False) as session,
            httpx.Client(
                proxy=session.proxy_url, trust_env=False, timeout=self._timeout, verify=self._tls or True
            ) as client,
        ):
            return client.post(delivery.url, content=body, headers=headers).status_code


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def sign(secret: str, body: bytes, now: datetime) -> str:
    """``t=<seconds>,v1=<hex>``: HMAC-SHA256 of ``<seconds>.<body>``. A receiver refuses what is minutes old."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={hmac.new(secret.encode(), moment.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def payload_of(job: VideoJob, now: datetime) -> dict[str, object]:
    """What a webhook about a job says: JSON values."""
    return {
        "event": f"job.{job.status.value}",
        "job_id": job.id,
        "kind": job.kind,
        "status": job.status.value,
        "title": job.facts.get("title"),
        "file_size_bytes": job.artifact.size_bytes if job.artifact else None,
        "error": job.failure.message if job.failure and job.status is Status.FAILED else None,
        "code": job.failure.code if job.failure and job.status is Status.FAILED else None,
        **job.outcome,
        "sent_at": utc_text(now),
    }
