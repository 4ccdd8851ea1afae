"""``python -m deepdream`` is the command ``deepdream``."""

from deepdream.cli.main import main

main()
