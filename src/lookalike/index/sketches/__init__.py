"""Short strings of bits that estimate distances."""
