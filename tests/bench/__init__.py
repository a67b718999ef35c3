"""`make bench`: how fast it is, beside a peer that is measured in the same run. A benchmark, not a test."""
