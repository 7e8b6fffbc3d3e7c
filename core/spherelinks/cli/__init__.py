"""The command line. Results go to stdout, progress and errors to stderr; docs/cli.md lists the exit codes."""
