"""What the server accepts, by the vendor's names: `base` (what is common), `vms`, `pools`, `hosts`, `people`, `storage`, `house`.

Anything else is a refusal that names the field. Fields that the vendor has and the lab can do nothing with are accepted.
"""
