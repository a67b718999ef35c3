"""Everything in this folder boots VMs. The fixtures are in tests/conftest.py."""
