"""S3, or what speaks like it (Ceph, MinIO, GCS's interface): one client a process, bounded in time and attempts."""
