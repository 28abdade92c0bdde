"""The quality gate: what other encoders, or other versions of this code, make of a corpus, beside what was recorded."""
