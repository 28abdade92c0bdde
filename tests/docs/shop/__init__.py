"""The Django project of a reader of the documentation: the service's settings, and an app for models."""
