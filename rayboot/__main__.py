"""The command line, which a signal may end from its first import on."""

from rayboot.cli.signals import ended_by_signals


def main() -> None:
    with ended_by_signals():
        from rayboot.cli.app import main as run_command

        run_command()


if __name__ == "__main__":
    main()
