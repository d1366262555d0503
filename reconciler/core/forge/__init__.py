"""Merge requests that live in git: what happened, and what is so."""
