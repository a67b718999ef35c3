"""The lab's platform server: it answers the vendor's paths, shapes and codes, and does what it says to real VMs.

`python -m ATPLibrary.lab.platform --lab DIR --fd N` serves the lab in DIR. Inside, from the wire to the VMs: `app` (the web
application, token check, errors), `routes` (the vendor's paths), `answers` and `requests` (the vendor's shapes), `accounts`
(login), `pools` and `batches` (what is done to desk pools and VMs), `operations` (long operations and their events), `machines` and
`libvirt_calls` (VMs on the libvirt hosts), `store` (SQLite: what libvirt doesn't hold).
"""
