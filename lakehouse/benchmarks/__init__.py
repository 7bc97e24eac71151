"""External benchmarks: the same pipeline on published data, with the published protocol."""
