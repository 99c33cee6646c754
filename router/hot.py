"""`python -m router.hot`: a worker whose hot modules are the compiled ones, where there are any."""

from router.compiled import install

if __name__ == "__main__":
    install()
    from router.worker import main

    main()
