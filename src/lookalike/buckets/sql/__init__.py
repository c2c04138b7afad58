"""Bucket stores in SQL databases: what they share, and one module for each database."""
