"""What only typer can do: read any command line, show the help, complete words, and say what is wrong."""
