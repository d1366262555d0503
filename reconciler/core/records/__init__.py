"""Records as values: their bytes, their place in the chain, what they say, what they change."""
