"""What auditors ask of the records. Nothing here writes."""
