"""The reference for the table: the least SQL that a claim and a finish can be, on one connection of the bare driver."""

from __future__ import annotations

import sqlite3
import time
import uuid
from pathlib import Path

import psycopg

TABLE = """CREATE TABLE bare_job (
    id varchar(36) PRIMARY KEY, state varchar(10) NOT NULL, attempts integer NOT NULL, token varchar(36)
)"""
INDEX = "CREATE INDEX bare_waiting ON bare_job (id) WHERE state = 'waiting'"
TAKE = "UPDATE bare_job SET state = 'running', attempts = attempts + 1, token = {} WHERE id = {}"
FINISH = "UPDATE bare_job SET state = 'done', token = NULL WHERE id = {} AND token = {}"
FIRST = "SELECT id FROM bare_job WHERE state = 'waiting' ORDER BY id LIMIT 1"


def on_sqlite(folder: Path, jobs: int) -> tuple[float, float]:
    """This will give the seconds that so many claims and ends take, and the processor's."""
    database = sqlite3.connect(folder / f"bare-{uuid.uuid4().hex}.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute(TABLE)
    database.execute(INDEX)
    database.execute("BEGIN")
    database.executemany("INSERT INTO bare_job VALUES (?, 'waiting', 0, NULL)", _rows(jobs))
    database.execute("COMMIT")
    began, processor = time.perf_counter(), time.process_time()
    for _ in range(jobs):
        token = str(uuid.uuid4())
        database.execute("BEGIN IMMEDIATE")
        [job] = database.execute(FIRST).fetchone()
        database.execute(TAKE.format("?", "?"), (token, job))
        database.execute("COMMIT")
        database.execute(FINISH.format("?", "?"), (job, token))
    seconds = time.perf_counter() - began, time.process_time() - processor
    database.close()
    return seconds


def on_postgresql(url: str, jobs: int) -> tuple[float, float]:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP TABLE IF EXISTS bare_job")
        database.execute(TABLE)
        database.execute(INDEX)
        with database.cursor() as cursor:
            cursor.executemany("INSERT INTO bare_job VALUES (%s, 'waiting', 0, NULL)", _rows(jobs))
        began, processor = time.perf_counter(), time.process_time()
        for _ in range(jobs):
            token = str(uuid.uuid4())
            with database.transaction():
                [job] = database.execute(f"{FIRST} FOR UPDATE SKIP LOCKED").fetchone() or [None]
                database.execute(TAKE.format("%s", "%s"), (token, job))
            database.execute(FINISH.format("%s", "%s"), (job, token))
        return time.perf_counter() - began, time.process_time() - processor


def _rows(jobs: int) -> list[tuple[str]]:
    return [(str(uuid.uuid4()),) for _ in range(jobs)]
