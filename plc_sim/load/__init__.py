"""A server that publishes more values than any line would: for benchmarks, with every value accounted for."""
