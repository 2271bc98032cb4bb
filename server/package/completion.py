#!/usr/bin/env python3
"""completion.py ROOT OUT_FOLDER - makes completions for bash, zsh and fish of the tables that
--help is made of: verbs, actions, flags and choices; files where a file is meant.
"""
import pathlib
import re
import sys

import tables

MADE = "# Made by server/package/completion.py of the tables that --help is made of.\n"


def summary_of(usage):
    """The first sentence of a command's help."""
    text = " ".join(usage.split("\n\n")[1].split())
    return re.split(r"[.:;] ", text + " ")[0].rstrip(".")


class Daemon:
    """rowlockd: its flags, and its commands with theirs."""

    def __init__(self, root):
        self.settings = tables.read_settings((root / "schema/settings.def").read_text())
        self.others = [tables.Option("", name, "", text) for name, text in
                       tables.read_extra_flags((root / "server/ops/config_show.c").read_text())]
        commands = tables.read_commands(root)
        # name -> (summary, flags)
        self.commands = {name: (summary_of(usage), flags)
                         for name, (usage, _, flags, _) in commands.items()}
        self.actions = {name: actions for name, (_, actions, _, _) in commands.items() if actions}
        self.again = {name: again for name, (_, _, _, again) in commands.items()}

    def flags(self):
        return [*self.settings, *self.others]


def is_file(value):
    return value in ("FILE", "DIR", "[FILE]") or value.startswith("FILE")


# ---------------------------------------------------------------- bash

FOLDER = pathlib.Path(__file__).parent


def long(flags):
    return " ".join(f"--{flag}" for flag in flags)


def actions_of(verbs):
    """verb -> its actions, of those that have some."""
    actions = {}
    for verb in verbs:
        if verb.action:
            actions.setdefault(verb.verb, []).append(verb.action)
    return actions


def bash(verbs, options):
    actions = "\n".join(
        f"\t{verb}) [ -n \"$action\" ] || {{ mapfile -t COMPREPLY < <(compgen -W \""
        f"{' '.join(names)}\" -- \"$word\"); return; }} ;;"
        for verb, names in actions_of(verbs).items())
    flags = "\n".join(f"\t\"{verb.verb} {verb.action or '*'}\") flags=\""
                      f"{long(option.flag for option in verb.options)}\" ;;".replace(' *"', ' "*')
                      for verb in verbs)
    return (FOLDER / "rowlock.bash.in").read_text() % {
        "made": MADE, "actions": actions, "flags": flags,
        "verbs": " ".join(dict.fromkeys(verb.verb for verb in verbs)),
        "file_flags": " | ".join(f"--{o.flag}" for o in options.values() if is_file(o.value)),
        "file_verbs": " | ".join(verb.verb for verb in verbs if is_file(verb.operands))}


def bash_daemon(daemon):
    choices = "\n".join(f"\t--{s.flag}) mapfile -t COMPREPLY < <(compgen -W "
                        f"\"{' '.join(s.choices)}\" -- \"$word\") && return ;;"
                        for s in daemon.settings if s.choices)
    commands = "\n".join(f"\t{name}) flags=\"{long(flags)}\" ;;"
                         for name, (_, flags) in daemon.commands.items())
    actions = "\n".join(f"\t{name}) mapfile -t COMPREPLY < <(compgen -W \"{' '.join(words)}\" "
                        "-- \"$word\"); return ;;" for name, words in daemon.actions.items())
    return (FOLDER / "rowlockd.bash.in").read_text() % {
        "made": MADE, "choices": choices, "commands": commands, "actions": actions,
        "flags": long(s.flag for s in daemon.flags()), "names": " ".join(daemon.commands),
        "file_flags": " | ".join(f"--{s.flag}" for s in daemon.settings if is_file(s.argument))}


# ---------------------------------------------------------------- zsh

def zsh_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]") \
        .replace(":", "\\:").replace("'", "'\\''") + "'"


def zsh_flag(flag, value, help, choices=(), is_list=False):
    """One that may be said again has a star before it."""
    quoted = zsh_quote(help)[1:-1]
    star = "*" if is_list else ""
    if not value:
        return f"'{star}--{flag}[{quoted}]'"
    action = f"({' '.join(choices)})" if choices else "_files" if is_file(value) else " "
    return f"'{star}--{flag}[{quoted}]:{zsh_quote(value)[1:-1]}:{action}'"


def zsh(verbs, _):
    rows = {}
    for verb in verbs:
        rows.setdefault(verb.verb, zsh_quote(f"{verb.verb}|{verb.summary}").replace("|", ":", 1))
    lines = ["#compdef rowlock", MADE, "_rowlock() {", "\tlocal -a names",
             "\tif (( CURRENT == 2 )); then", "\t\tnames=(",
             *(f"\t\t\t{row}" for row in rows.values()), "\t\t)",
             "\t\t_describe verb names", "\t\treturn", "\tfi"]
    for verb, actions in actions_of(verbs).items():
        lines += [f"\tif (( CURRENT == 3 )) && [[ $words[2] == {verb} ]]; then",
                  f"\t\tcompadd {' '.join(actions)}", "\t\treturn", "\tfi"]
    lines += ['\tcase "$words[2] $words[3]" in']
    for verb in verbs:
        files = " '*:file:_files'" if is_file(verb.operands) else " '*: :'"
        flags = " ".join(zsh_flag(o.flag, o.value, o.help) for o in verb.options)
        pattern = f'"{verb.verb} {verb.action}"' if verb.action else f'"{verb.verb} "*'
        lines += [f"\t{pattern}) _arguments {flags}{files} ;;"]
    return "\n".join([*lines, "\tesac", "}", '_rowlock "$@"']) + "\n"


def zsh_daemon(daemon):
    flags = " ".join(zsh_flag(s.flag, getattr(s, "argument", ""), s.help,
                              getattr(s, "choices", ()), getattr(s, "is_list", False))
                     for s in daemon.flags())
    lines = ["#compdef rowlockd", MADE, "_rowlockd() {", "\tlocal -a names", "\tcase $words[2] in"]
    for name, words in daemon.actions.items():
        lines[-1:] = ["\tif (( CURRENT == 3 )) && "
                      f'[[ "$words[2] $words[3]" == "{name} "(|[^-]*) ]]; then',
                      f"\t\tcompadd {' '.join(words)}", "\t\treturn", "\tfi", lines[-1]]
    for name, (_, flag_names) in daemon.commands.items():
        inner = " ".join(f"'{'*' if flag in daemon.again[name] else ''}--{flag}'"
                         for flag in flag_names)
        lines += [f"\t{name}) _arguments {inner} '*:file:_files' ;;"]
    lines += ["\t*)", "\t\tif (( CURRENT == 2 )); then", "\t\t\tnames=("]
    lines += [f"\t\t\t\t{zsh_quote(name + '|' + summary).replace('|', ':', 1)}"
              for name, (summary, _) in daemon.commands.items()]
    lines += ["\t\t\t)", "\t\t\t_describe command names", "\t\tfi", f"\t\t_arguments {flags} ;;",
              "\tesac", "}", '_rowlockd "$@"']
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- fish

def fish_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_flag(program, condition, flag, value, help, choices=()):
    line = f"complete -c {program} -n {fish_quote(condition)} -l {flag}"
    if value:
        line += " -r -F" if is_file(value) else " -x"
    if choices:
        line += f" -a {fish_quote(' '.join(choices))}"
    return line + f" -d {fish_quote(help)}"


def fish(verbs, _):
    lines = [MADE, "complete -c rowlock -f"]
    actions = actions_of(verbs)
    for verb in {verb.verb: verb for verb in reversed(verbs)}.values():
        lines += [f"complete -c rowlock -n __fish_use_subcommand -a {verb.verb} "
                  f"-d {fish_quote(verb.summary)}"]
    for verb in verbs:
        seen = f"__fish_seen_subcommand_from {verb.verb}"
        if verb.action:
            none = f"not __fish_seen_subcommand_from {' '.join(actions[verb.verb])}"
            lines += [f"complete -c rowlock -n {fish_quote(seen + '; and ' + none)} "
                      f"-a {verb.action} -d {fish_quote(verb.summary)}"]
            seen += f"; and __fish_seen_subcommand_from {verb.action}"
        if is_file(verb.operands):
            lines += [f"complete -c rowlock -n {fish_quote(seen)} -F"]
        lines += [fish_flag("rowlock", seen, o.flag, o.value, o.help) for o in verb.options]
    return "\n".join(lines) + "\n"


def fish_daemon(daemon):
    lines = [MADE, "complete -c rowlockd -f"]
    none = f"not __fish_seen_subcommand_from {' '.join(daemon.commands)}"
    for name, (summary, flags) in daemon.commands.items():
        seen = f"__fish_seen_subcommand_from {name}"
        lines += [f"complete -c rowlockd -n __fish_use_subcommand -a {name} "
                  f"-d {fish_quote(summary)}", f"complete -c rowlockd -n {fish_quote(seen)} -F"]
        lines += [f"complete -c rowlockd -n {fish_quote(seen)} -l {flag}" for flag in flags]
    for name, words in daemon.actions.items():
        first = f"__fish_seen_subcommand_from {name}; and not __fish_seen_subcommand_from "
        lines += [f"complete -c rowlockd -n {fish_quote(first + ' '.join(words))} -a {word}"
                  for word in words]
    lines += [fish_flag("rowlockd", none, s.flag, getattr(s, "argument", ""), s.help,
                        getattr(s, "choices", ())) for s in daemon.flags()]
    return "\n".join(lines) + "\n"


def main():
    root, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    options = tables.read_options((root / "client/options.def").read_text())
    verbs = tables.read_verbs((root / "client/verbs.def").read_text(), options)
    daemon = Daemon(root)
    for name, text in (
            ("rowlock", bash(verbs, options)), ("rowlockd", bash_daemon(daemon)),
            ("_rowlock", zsh(verbs, options)), ("_rowlockd", zsh_daemon(daemon)),
            ("rowlock.fish", fish(verbs, options)), ("rowlockd.fish", fish_daemon(daemon))):
        (folder / name).write_text(text)


main()
