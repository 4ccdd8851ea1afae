"""The command line: parse, call, show. The only room that knows Typer and Rich."""
