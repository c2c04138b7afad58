"""The hash families, behind one small contract."""

from lookalike.hashing.base import Family, family_from_json, family_from_parts, token

__all__ = ["Family", "family_from_json", "family_from_parts", "token"]
