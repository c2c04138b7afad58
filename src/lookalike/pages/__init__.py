"""Hits as HTML. It takes plain hits and imports no collection."""
