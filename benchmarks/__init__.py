"""How fast and how large: measured against a reference in the same run, never asserted in a test."""
