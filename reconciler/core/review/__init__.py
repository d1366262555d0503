"""Pure: what is to be told about a merge request, and what that changes at the forge."""
