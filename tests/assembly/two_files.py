"""What the tests of files launch: a user's script that writes outputs for one input into several files.

A recipe in place of a checkpoint is trained first.
"""

import sys

from seq2seq import api


def main() -> None:
    checkpoint, source, *outputs = sys.argv[1:]
    if checkpoint.endswith(".yaml"):
        checkpoint = api.train(checkpoint)
    for output in outputs:
        api.generate_file(checkpoint, source, output)


if __name__ == "__main__":
    main()
