"""Models."""

CALLS = {
    "Get Models": "",
    "Get Model": "m    cpu    ==    1    timeout=5 min",
    "Model Should Exist": "m",
    "Model Should Not Exist": "m",
    "Clone Model": "m    guest",
    "Get Model Disks": "m",
    "Get Model Copies": "m",
    "Copy Model To Hosts": "m    h",
    "Reset Desktops Of Model": "m",
    "Convert Model To Desktop": "m",
    "Begin Model Upgrade": "m",
    "Complete Model Upgrade": "m",
    "Cancel Model Upgrade": "m",
    "Create Model Upgrade Link": "m",
    "Get Model Upgrade Link": "m",
    "Model Upgrade Link Should Be Valid": "https://any/?check=1    ${PASSWORD}",
}
