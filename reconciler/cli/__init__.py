"""Arguments -> use case -> report -> exit code. Nothing here decides anything."""
