"""The self-join of an index: which of its rows are within a distance of one another."""
