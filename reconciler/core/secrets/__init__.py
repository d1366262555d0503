"""Secrets in text: rules over published token formats, and an engine of linear cost."""
