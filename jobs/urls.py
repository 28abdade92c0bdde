from django.urls import path

from jobs.batches import api as batches
from jobs.compat import api as compat

urlpatterns = [
    path("api/v1/health", compat.Health.as_view(), name="health"),
    path("api/v1/job", compat.NewJob.as_view(), name="job-new"),
    path("api/v1/job/<str:job>", compat.OneJob.as_view(), name="job"),
    path("api/v1/batch", batches.NewBatch.as_view(), name="batch-new"),
    path("api/v1/batches", batches.Batches.as_view(), name="batches"),
    path("api/v1/batch/<str:batch>", batches.OneBatch.as_view(), name="batch"),
    path("api/v1/batch/<str:batch>/items", batches.BatchItems.as_view(), name="batch-items"),
    path("api/v1/batch/<str:batch>/manifest.json", batches.JsonManifest.as_view(), name="batch-json"),
    path("api/v1/batch/<str:batch>/manifest.csv", batches.CsvManifest.as_view(), name="batch-csv"),
    path("api/v1/batch/<str:batch>/cancel", batches.CancelBatch.as_view(), name="batch-cancel"),
]
