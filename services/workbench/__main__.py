"""`python -m services.workbench`, which is what ./run runs."""

from services.workbench.cli import main

if __name__ == "__main__":
    main()
