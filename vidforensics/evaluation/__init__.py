"""The published benchmarks, on any folder of footage: make edited copies with known truth, run, score."""
