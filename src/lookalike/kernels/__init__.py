"""Arrays in, arrays out: `reference*` define each kernel in NumPy, `compiled/` makes the hot ones fast."""
