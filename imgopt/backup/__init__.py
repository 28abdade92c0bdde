"""What cannot be made again, as a folder that fits every shape of the installation: rows, and the bytes of masters.

    FOLDER/rows.jsonl.gz     the rows as Django writes them, the same from SQLite and PostgreSQL
    FOLDER/masters/…         the bytes, under their names in the storage
    FOLDER/masters.sha256    their digests; `sha256sum --check` reads it
    FOLDER/manifest.json     written last: a folder without it is no backup

Variants are rendered again, and sessions begin anew. The secret that opens sealed rows is not in it.
"""
