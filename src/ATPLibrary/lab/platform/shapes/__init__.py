"""What the server answers, by the vendor's names: `base` (the envelope, pages), `vms`, `pools`, `hosts`,
`people`, `storage`, `house`.

Fields that the lab has no value for are left out, as the platform leaves out what it has no value for; so no field is required.
A test holds each field against the vendor's document. The lab's own OpenAPI is made of these.
"""
