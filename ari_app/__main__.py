"""`python -m ari_app` is `warm-transfer`."""

from ari_app.cli import main

if __name__ == "__main__":
    main()
