"""What the platform sends and answers, as frozen pydantic models with the vendor's field names as aliases.

Written by hand from the facts in the vendor's document for version 9.0, one file per group of operations. A docstring begins
with the vendor's name of the shape, and says what the fields mean and what their codes are.
"""
