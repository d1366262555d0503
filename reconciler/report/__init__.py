"""Values -> text or JSON. The same value gives every format."""
