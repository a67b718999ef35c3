*** Settings ***
Documentation       Many desktops at once, and a platform that is killed among them.
...
...                 It takes minutes and much memory, so it runs only where the number of desktops is given:
...                 ``robot --variable DESKTOPS:50 suites/stress``, with the lab of this machine up (``atp lab up``).
...                 ``make bench`` runs and times it in a lab of its own.
Library             many_desktops.py

Suite Setup         Ask For A Number Of Desktops

Test Tags           stress    needs-lab    needs-vm


*** Variables ***
${DESKTOPS}     ${0}    # how many; none is made where nobody asked


*** Keywords ***
Ask For A Number Of Desktops
    [Documentation]    Skips everything below, and says why, unless the number was given.
    IF    ${DESKTOPS} < 2
        Skip    Not run: say how many desktops, as in: robot --variable DESKTOPS:50 suites/stress
    END
