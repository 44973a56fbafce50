"""Delivers webhooks in a test."""

from __future__ import annotations

from src.services.events.webhooks import WebhookService


def deliver_due(webhooks: WebhookService) -> int:
    """Deliver everything that is due, wait for it, and return how many deliveries succeeded."""
    return sum(each.result() for each in webhooks.start_due())
