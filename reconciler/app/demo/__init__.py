"""The demonstration: the whole story of the program, told by its own commands."""
