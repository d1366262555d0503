"""One module per outside thing. Only `wiring` may import from here."""
