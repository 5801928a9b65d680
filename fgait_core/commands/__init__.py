"""The subcommands of `fgait`, one module for each room of the engine."""
