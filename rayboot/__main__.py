"""The entry point: signals are handled from the first import on."""

from rayboot.cli.signals import handle_signals


def main() -> None:
    with handle_signals():
        from rayboot.cli.app import main as run_command

        run_command()


if __name__ == "__main__":
    main()
