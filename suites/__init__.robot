*** Settings ***
Documentation       The acceptance tests of ATPLibrary, and its best examples.
...
...                 They run against the platform and the hosts of the configuration: the lab on this
...                 machine (``atp lab up``), or a real platform. One desktop is started here for all
...                 suites that need just one, and removed at the end.
Resource            ../resources/desk_pool.resource

Suite Setup         Start The Shared Desktop
Suite Teardown      Remove The Shared Desktop

Test Tags           needs-platform    needs-vm
