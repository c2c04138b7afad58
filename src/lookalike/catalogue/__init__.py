"""The truth: sources, places, metadata, text and vectors, in SQL by SQLAlchemy Core."""
