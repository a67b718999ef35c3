"""A SPICE server in this process, for what QEMU can't be made to do; and messages written down by hand, byte for byte."""
