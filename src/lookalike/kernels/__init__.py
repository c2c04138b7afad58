"""Arrays in, arrays out: `reference*` define each kernel in NumPy, `compiled_*` make the hot ones fast."""
