"""Rendering only: the report, the exports and the headline sentences of a case.

A `Case` or a `Comparison` goes in, files or sentences come out; nothing here measures or judges.
`headlines` is cheap; the writers import the template engine and the timeline library when called.
"""

from __future__ import annotations

from vidforensics.reporting.comparison import write_comparison
from vidforensics.reporting.exports import write_exports
from vidforensics.reporting.html import write_html
from vidforensics.reporting.summary import headlines

__all__ = ["headlines", "write_comparison", "write_exports", "write_html"]
