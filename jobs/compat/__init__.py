"""The job API of icecube, which this service replaces: its paths, names, texts and statuses."""
