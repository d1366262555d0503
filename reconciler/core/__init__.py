"""Pure functions on frozen values: no clock, no network, no process, no environment."""
