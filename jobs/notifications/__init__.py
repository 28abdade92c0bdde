"""What the world is told of background work: webhooks and Kafka.

    signal ──▶ outbox ──▶ ledger ──▶ delivery ──▶ posting (HTTP)
    (in the transaction that makes it true)   └──▶ kafka

`telling` turns the ledger's signals into events; `outbox` writes an event down, with one job of the queue
`notifications` for each target that wants it; `delivery` does these jobs; `resting` leaves a target alone that fails.
Ordering between events is promised to nobody but the readers of Kafka, per job.
"""
