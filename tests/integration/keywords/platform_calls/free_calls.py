"""Operations that have no keyword, and events by their ids."""

CALLS = {
    "Call Platform": "GET /ocloud/v1/host",
    "Wait For Platform Events": "1    2",
}
