"""Rows and arrays from files and to files: sources, sinks, the directory of an index."""
