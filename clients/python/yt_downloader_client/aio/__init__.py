"""The clients that wait with ``await``. Those of ``blocking`` are written from these: ``make docs``."""
