"""Bulk export of audit logs: every event of many organisations, each once, as the bytes that came."""

from hubapi.export.follow import Follow
from hubapi.export.report import AccountReport, ExportReport, Progress
from hubapi.export.run import export
from hubapi.export.verify import Finding, VerifyReport, verify

__all__ = ["AccountReport", "ExportReport", "Finding", "Follow", "Progress", "VerifyReport", "export", "verify"]
