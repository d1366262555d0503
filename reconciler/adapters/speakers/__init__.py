"""Ways to tell somebody something. Where to and with what secret stands outside of git."""
