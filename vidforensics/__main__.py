"""`python -m vidforensics`: the same as the console script."""

from __future__ import annotations

from vidforensics.cli import main

if __name__ == "__main__":
    main()
