"""How far a scan is: files done, files per minute, time left."""

from __future__ import annotations

import time

from vidforensics.runtime import Progress

_SHOW_EVERY_S = 0.5


class Pace:
    """Counts files and tells the caller's progress callback, not too often."""

    def __init__(self, progress: Progress, files: int, batch_s: float) -> None:
        self._progress, self._files, self._batch_s = progress, files, batch_s
        self._started = self._shown = self._added = time.monotonic()
        self._done = self._worked = 0

    def done(self, *, worked: bool = True) -> None:
        """One more file is dealt with; the rate counts only those that cost work."""
        self._done += 1
        self._worked += worked
        self.show()

    def added(self) -> None:
        """A batch was written just now."""
        self._added = time.monotonic()

    def is_due(self) -> bool:
        """Whether the last batch is long enough ago."""
        return time.monotonic() - self._added >= self._batch_s

    def show(self) -> None:
        """Report, if the last report is a while ago or this is the last one."""
        now = time.monotonic()
        if now - self._shown >= _SHOW_EVERY_S or self._done == self._files:
            self._shown = now
            stage = f"scan{rate_words(self._worked, self._files - self._done, now - self._started)}"
            self._progress(stage, float(self._done), float(self._files))


def rate_words(worked: int, left: int, elapsed_s: float) -> str:
    """Rate and time left in words, nothing while they are unknown.

    >>> rate_words(30, 60, 60.0)
    ', 30 files a minute, 2 min left'
    """
    if not worked or elapsed_s <= 0:
        return ""
    rate_hz = worked / elapsed_s
    left_s = left / rate_hz
    pace = f"{rate_hz:.1f} files a second" if rate_hz >= 1.0 else f"{60 * rate_hz:.0f} files a minute"
    return f", {pace}, {_duration(left_s)} left"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
