"""Sessions: these calls come last."""

CALLS = {
    "Log Out Of Platform": "",
    "Log In To Platform": "silent",
}
