"""Bulk export of audit logs: all events of many accounts, each once, as the bytes that came."""

from hubapi.export.follow import Follow
from hubapi.export.options import ExportOptions
from hubapi.export.report import AccountReport, ExportReport, Progress
from hubapi.export.verify import Finding, VerifyReport, verify

__all__ = [
    "AccountReport",
    "ExportOptions",
    "ExportReport",
    "Finding",
    "Follow",
    "Progress",
    "VerifyReport",
    "verify",
]
