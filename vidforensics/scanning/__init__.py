"""Scanning: many files into an index, with worker processes, and the posts that carried them."""

from __future__ import annotations

from vidforensics.scanning.posts import PostList, read_posts
from vidforensics.scanning.scan import ScanOptions, ScanSummary, scan

__all__ = ["PostList", "ScanOptions", "ScanSummary", "read_posts", "scan"]
