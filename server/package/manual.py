#!/usr/bin/env python3
"""manual.py ROOT VERSION ETC OUT_FOLDER - makes rowlock.1 and rowlockd.8 of the tables that --help
is made of: schema/settings.def, client/verbs.def, client/options.def, and of the exit codes in
docs/operating.md. ETC is where the service's settings are. Nothing is downloaded.
"""
import pathlib
import sys

import tables


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    for sign, name in ("'", "aq"), ('"', "dq"), ("^", "ha"), ("~", "ti"):
        text = text.replace(sign, f"\\({name}")
    return "\n".join("\\&" + line if line.startswith(".") else line for line in text.split("\n"))


def verbatim(text):
    return [".nf", escape(text.strip("\n")), ".fi"]


def paragraph(text):
    return [".PP", escape(text)]


def entry(flag, value, text):
    left = f"\\fB{escape(flag)}\\fR" + (f" \\fI{escape(value)}\\fR" if value else "")
    return [".TP", left, escape(text)]


def flag_entry(option):
    return entry(f"--{option.flag}", option.value, option.help)


def page(name, section, version, summary, lines):
    return "\n".join([
        f'.TH {name.upper()} {section} "" "Rowlock {version}" "Rowlock"',
        ".nh", ".ad l",
        ".SH NAME", f"{name} \\- {escape(summary)}", *lines]) + "\n"


def setting_text(setting):
    """As --help has it."""
    value = setting.value if not setting.is_switch else ""
    inside = "; ".join(filter(None, (value, "SIGHUP" if setting.is_live else "")))
    return setting.help + (f" [{inside}]" if inside else "") + (
        " (repeatable)" if setting.is_list else "")


def daemon_page(root, version, etc):
    settings = tables.read_settings((root / "schema/settings.def").read_text())
    lines = [".SH SYNOPSIS", ".B rowlockd", "[\\-\\-flag value]...", ".br", ".B rowlockd",
             "\\fIcommand\\fR ...", ".SH DESCRIPTION"]
    lines += paragraph("Rowlock keeps stock in one SQLite file and never sells a unit twice. "
                       "Clients change it over HTTP; changes to the same row wait for each "
                       "other, first come first served, and reads wait for nobody. The daemon "
                       "stays in the foreground, and logs to its standard error.")
    lines += [".SH OPTIONS"]
    for setting in settings:
        lines += entry(f"--{setting.flag}", setting.argument, setting_text(setting))
    extra = tables.read_extra_flags((root / "server/ops/config_show.c").read_text())
    for flag, text in extra:
        lines += entry(f"--{flag}", "", text)
    lines += [".SH ENVIRONMENT"]
    lines += paragraph("Each flag is an environment variable, too: --slow-ms is ROWLOCK_SLOW_MS; "
                       "and a line of the file that --config names: slow-ms = 1000. A flag "
                       "outranks the environment, and that the file.")
    lines += [".SH FILES"]
    lines += paragraph("The file that --config names has one name = value a line, with the "
                       "names of the flags; # and ; begin comments.")
    lines += entry(f"{etc}/rowlock/rowlockd.conf", "", "the settings of the package's service; "
                   f"nothing in {etc} is read unasked")
    lines += entry("/var/lib/rowlock/rowlock.db", "", "its store")
    lines += [".SH COMMANDS"]
    for name, (usage, *_) in tables.read_commands(root).items():
        lines += [f".SS {escape(name)}", *verbatim(usage)]
    lines += [".SH SIGNALS"]
    lines += entry("SIGTERM, SIGINT", "", "drain, then stop; a second one stops at once")
    live = ", ".join(setting.flag for setting in settings if setting.is_live)
    lines += entry("SIGHUP", "", f"read the file of --config again; at once take effect: {live}")
    lines += [".SH EXIT STATUS"]
    for code, when in tables.read_exit_codes((root / "docs/operating.md").read_text()):
        lines += entry(code, "", when)
    lines += [".SH SEE ALSO", ".BR rowlock (1)"]
    return page("rowlockd", 8, version, "an inventory service that never sells a unit twice", lines)


def client_page(root, version):
    options = tables.read_options((root / "client/options.def").read_text())
    verbs = tables.read_verbs((root / "client/verbs.def").read_text(), options)
    lines = [".SH SYNOPSIS", ".B rowlock", "\\fIverb\\fR [\\fIaction\\fR] [\\fIoperands\\fR] "
             "[\\fIflags\\fR]", ".SH DESCRIPTION"]
    lines += paragraph("The command line of Rowlock, the inventory service that never sells a unit "
                       "twice.")
    lines += [".SH VERBS"]
    for verb in verbs:
        typed = " ".join(filter(None, (verb.verb, verb.action, verb.operands)))
        lines += [f".SS {escape(typed)}", escape(verb.summary)]
        if verb.more:
            lines += [".PP", *verbatim(verb.more)]
        flags = " ".join(f"--{option.flag}" for option in verb.options)
        lines += [".PP", f"Flags: {escape(flags)}"]
    lines += [".SH FLAGS"]
    for option in options.values():
        lines += flag_entry(option)
    lines += [".SH NOTES", *verbatim(tables.read_closing((root / "client/command.c").read_text()))]
    lines += [".SH SEE ALSO", ".BR rowlockd (8)"]
    return page("rowlock", 1, version, "ask and change an inventory service", lines)


def main():
    root, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[4])
    version, etc = sys.argv[2:4]
    (folder / "rowlock.1").write_text(client_page(root, version))
    (folder / "rowlockd.8").write_text(daemon_page(root, version, etc))


main()
