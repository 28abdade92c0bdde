"""The scaled-out shape as plain processes of this machine: for a look at it, for its tests and its benchmarks."""
