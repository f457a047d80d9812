# Names of locks and members come from the agent.
_turno_names() {
    local -a names
    names=("${(@f)$(turno complete-names -- "$@" 2>/dev/null)}")
    names=("${(@)names:#}")
    (( $#names )) && compadd -a names
}

_turno_locks() { _turno_names lock ${opt_args[--socket]:+--socket ${(Q)opt_args[--socket]}} '' }

_turno_members() { _turno_names agent --without '' }
