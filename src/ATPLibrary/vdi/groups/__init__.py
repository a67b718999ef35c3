"""The platform's operations, one file and one class per group: the table of operations first, then the methods that use them.

A group that is a client's attribute is named in the plural as the things are (`client.hosts`); `storage`, `usb` and `panel` have
none. Every method takes `timeout` in seconds (the client's own where it is left out) and raises `PlatformError` where the
platform refuses or answers nonsense, `DeadlineError` where it doesn't answer in time, `InputError` where what would be sent
isn't right.
"""
