"""The command line `imgopt`, over the pure core: no Django is imported here, and none below."""
