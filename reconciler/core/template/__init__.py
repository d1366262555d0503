"""Jinja2 as a language of values: the engine, where a value may stand, and the literals."""
