"""What the tests of files launch: a user's script that writes outputs for one input into several files.

A recipe in place of a checkpoint is trained first.
"""

import sys

import seq2seq


def main() -> None:
    checkpoint, source, *outputs = sys.argv[1:]
    if checkpoint.endswith(".yaml"):
        checkpoint = seq2seq.train(checkpoint)
    for output in outputs:
        seq2seq.generate_file(checkpoint, source, output)


if __name__ == "__main__":
    main()
