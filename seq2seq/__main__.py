"""`python -m seq2seq`, which is also what `accelerate launch -m seq2seq` and `torchrun -m seq2seq` start."""

from .cli.main import main

if __name__ == "__main__":
    main()
