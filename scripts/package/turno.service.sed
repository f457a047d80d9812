# From examples/agent/turno.service to the unit of the package: the agent is a user of its own.
s|/usr/local/bin/turno|/usr/bin/turno|
s|^# The agent runs as root.*|# Members of the group turno may ask it. It may kill what runs under a lock whose|
s|^# lets the members of a group ask too.*|# lease is over, and find it: CAP_KILL and CAP_SYS_PTRACE.|
/^ExecStart=/i User=turno\
Group=turno\
AmbientCapabilities=CAP_KILL CAP_SYS_PTRACE\
CapabilityBoundingSet=CAP_KILL CAP_SYS_PTRACE\
NoNewPrivileges=yes\
ProtectSystem=full\
UMask=0027
# kill(1) is in a package that a small system may lack.
s|^ExecReload=.*|ExecReload=/bin/sh -c 'kill -HUP $MAINPID'|
