"""Policies: read, checked and guarded before any of them runs; answers judged after."""
