"""The lab's platform server: it answers the vendor's paths, shapes and codes, and does what it says to real VMs.

`python -m ATPLibrary.lab.platform --lab DIR --fd N` serves the lab in DIR. Inside, from the wire to the VMs: `app` (the web
application, token check, errors), `routes` (the vendor's paths, a router a group), `requests`, `shapes` and `answers` (what is
accepted and answered), `life` (what may be done in which state) and `batches` (to many VMs), `pools`, `models`, `making`, `clones`,
`disks`, `storage`, `people`, `shares`, `hosts` (what each group means), `operations` (long operations and their events), `power`,
`machines`, `files`, `domain_xml` and `libvirt_calls` (VMs on the libvirt hosts), `store`, `tables` and `records` (SQLite: what
libvirt doesn't hold), `recovery` (after a kill), `faults` (on demand), `description` (its OpenAPI).
"""
