"""One module per command; `smoothop.cli.application` imports only the one that is asked for."""
