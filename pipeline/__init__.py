"""The pure core: bytes and a spec in, a rendition out. Knows no Django, no storage and no settings."""
