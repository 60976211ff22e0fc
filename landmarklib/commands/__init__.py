"""What the command line does, a function per command."""
