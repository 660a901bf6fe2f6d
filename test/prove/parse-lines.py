# Reads a line of targetcli a line, and says how configshell's own parser takes it: one JSON text a line. Nothing is run.
import json
import sys

from configshell_fb import ConfigShell

shell = ConfigShell()
for line in sys.stdin.buffer:
    try:
        _, path, command, positional, named = shell._parse_cmdline(line.decode("utf-8").rstrip("\n"))
        answer = {"path": path, "command": command, "positional": list(positional), "named": named}
    except Exception as error:
        answer = {"error": type(error).__name__}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
