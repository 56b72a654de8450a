"""Flagging: features become score tracks, score tracks become segments."""
