"""What the tests of files launch: a user's script that writes outputs for one input into several files."""

import sys

from seq2seq import api


def main() -> None:
    checkpoint, source, *outputs = sys.argv[1:]
    for output in outputs:
        api.generate_file(checkpoint, source, output)


if __name__ == "__main__":
    main()
