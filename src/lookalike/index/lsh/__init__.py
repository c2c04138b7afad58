"""The index over a hash family: candidates from a bucket store, sketches, exact rerank."""
