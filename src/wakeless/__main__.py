"""``python -m wakeless`` is the ``wakeless`` command."""

from wakeless.doors.cli.main import main

if __name__ == "__main__":
    main()
