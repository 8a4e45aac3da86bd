"""`python -m skilllib` is the command line."""

from skilllib.cli import main

if __name__ == "__main__":
    main()
