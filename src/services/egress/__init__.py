"""The one way out: a loopback proxy that checks where everything this service fetches comes from."""

from src.services.egress.policy import AllowList, Limits, Policy, Report, Upstream
from src.services.egress.proxy import EgressProxy
from src.services.egress.session import Session

__all__ = ["AllowList", "EgressProxy", "Limits", "Policy", "Report", "Session", "Upstream"]
