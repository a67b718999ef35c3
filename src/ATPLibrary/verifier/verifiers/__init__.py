"""Verifiers: each judges one type of event ("keyboard", "command"), as the design's JSON has them.

`interface` says what a verifier is, `registry` knows which there are, `verifying` lets the one that an event names judge it.
"""
