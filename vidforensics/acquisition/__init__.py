"""Acquisition: open the evidence without changing it and say what its bytes are."""
