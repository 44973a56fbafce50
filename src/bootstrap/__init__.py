"""Builds and connects everything, once per process: the only place that constructs services."""

from src.bootstrap.database import prepare_database, prepare_when_it_answers
from src.bootstrap.services import Services, build

__all__ = ["Services", "build", "prepare_database", "prepare_when_it_answers"]
