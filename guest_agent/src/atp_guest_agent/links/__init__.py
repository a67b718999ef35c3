"""The ways to a host: the port that a host opens, and services that the agent dials. `chooser.Links` has the one in use."""
