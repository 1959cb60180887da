"""The command line: commands, signals, exit codes, tables and log lines."""
