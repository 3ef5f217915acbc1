"""``python -m handspun`` is the command ``handspun``."""

from handspun.cli import main

main()
