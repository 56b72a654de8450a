"""Sample clips with known truth, and the script that renders, edits and encodes them."""
