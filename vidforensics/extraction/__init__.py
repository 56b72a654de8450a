"""Extraction: one decode pass gives frames, shots, keyframes, sound and what they carry."""
