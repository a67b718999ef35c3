"""The lab: real QEMU guests, real libvirt daemons and an OCloudView-compatible platform server, all on one machine.

`Lab(directory)` starts and stops it all; `LabHost` is one libvirt daemon; `MachineSpec` and `domain_xml` describe one VM; `image`
builds the guest, `accelerator` decides KVM or TCG, `platform` is the server. Only the command line and tests import the lab.
"""
