"""Arrays in, arrays out: `reference` defines each kernel in NumPy, `compiled` makes the hot ones fast."""
