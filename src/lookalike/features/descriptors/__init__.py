"""Global descriptors of colour, texture and shape that need no model: LIRE's, and a palette of dominant colours.

LIRE is Lux & Chatzichristofis, "LIRe: Lucene Image Retrieval", ACM Multimedia 2008. Each descriptor is a module of its
own; what they share is the contract (`base`), grey and colour spaces (`pixels`), distances as they are defined
(`distances`), and what turns these into distances that an index knows (`embeddings`).
"""
