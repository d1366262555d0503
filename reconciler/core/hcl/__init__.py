"""Terraform's language as data: a parser, and what can be known before a plan."""
