"""Batches: many masters × a preset or a ladder, one decode a master, told item by item."""
