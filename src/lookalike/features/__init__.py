"""Extractors of features, by name, and extraction over cores."""

TIME_LIMIT = 60.0
"""Seconds that a picture may take, unless the caller says otherwise."""
