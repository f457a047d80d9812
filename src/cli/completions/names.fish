
# What follows -- is a command line of its own; names of locks and members come from the agent.
function __turno_command_at
    contains -i -- -- (commandline -opc)
end

function __turno_names
    __turno_command_at >/dev/null; and return 1
    set -l words (commandline -opc)
    turno complete-names -- $words[2..-1] (commandline -ct | string unescape) 2>/dev/null
end

complete -c turno -n __turno_names -f
complete -c turno -n __turno_names -a "(__turno_names)"
complete -c turno -n "__turno_command_at >/dev/null" -x -a "(__fish_complete_subcommand --fcs-skip=(__turno_command_at))"
