"""Search engines as the home of vectors: tokens in their inverted index, and exact distances after it."""
