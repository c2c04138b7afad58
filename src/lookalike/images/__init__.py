"""Safe decoding of untrusted pictures."""

MAX_PIXELS = 50_000_000
"""Pixels that a picture may declare, unless the caller says otherwise."""
