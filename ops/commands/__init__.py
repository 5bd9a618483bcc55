"""The commands of `rentmatch`, a module each; `ops.cli.COMMANDS` lists them."""
