"""The default index: an inverted file of learned buckets, searched by sketches and exact rerank."""
