"""Faults on demand, for tests: what a healthy network and healthy peers don't do when one asks them to. See docs/faults.md."""
