"""Django's PostgreSQL, which says at once that it is away while it is."""
