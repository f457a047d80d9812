
# What follows -- is a command line of its own; names of locks and members come from the agent.
_turno_with_names() {
    local i word words=() prefix names name stem quote=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then
            if declare -F _command_offset >/dev/null; then
                _command_offset $((i + 1))
            else
                mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
            fi
            return
        fi
    done
    _turno "$@"
    # bash takes beta:7001 for three words.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ $word == :* || ${words[-1]} == *: ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    prefix=${words[-1]-}
    case $prefix in
        [\'\"]*) quote=${prefix:0:1} prefix=${prefix:1} ;;
        *) prefix=${prefix//\\/} ;;
    esac
    words[-1]=$prefix
    names=$(turno complete-names -- "${words[@]}" 2>/dev/null) || return 0
    COMPREPLY=()
    [[ $prefix == *:* && -z $quote ]] && stem=${prefix%:*}: || stem=''
    while IFS= read -r name; do
        [[ -n $name && $name == "$prefix"* ]] || continue
        # Within quotes bash inserts the name as it is.
        case $quote in
            \') [[ $name != *\'* ]] && COMPREPLY+=("$name") ;;
            \") [[ $name != *[\"\$\`\\!]* ]] && COMPREPLY+=("$name") ;;
            *) printf -v name %q "${name#"$stem"}" && COMPREPLY+=("$name") ;;
        esac
    done <<<"$names"
}
complete -o bashdefault -o default -F _turno_with_names turno
