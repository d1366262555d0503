"""Use cases: they order the steps and own no logic of their own."""
