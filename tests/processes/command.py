"""`python -m seq2seq` as a script, which torchrun can run in a fork of itself."""

from seq2seq.cli.main import main

if __name__ == "__main__":
    main()
