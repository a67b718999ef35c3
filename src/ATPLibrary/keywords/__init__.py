"""The Robot Framework libraries: components of keywords, one topic a file, put together in `libraries`.

A keyword converts its arguments, waits for one coroutine of a lower floor with a deadline, and logs. Nothing is done at import
or in a constructor, so that `--dryrun`, libdoc and an editor's plug-in touch nothing. docs/decisions/0007 says why it is so.
"""
