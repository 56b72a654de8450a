"""Features: numbers measured from one clip, no judgement."""
