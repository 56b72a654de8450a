"""The records, one module per stage; import them from `vidforensics.types`."""
