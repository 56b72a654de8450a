"""Reporting: render a case, never judge it."""
