"""Frozen values, and the documents as pydantic models."""
