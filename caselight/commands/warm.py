"""``caselight warm``: compile the engine now, so that nobody waits for it later."""


def warm() -> None:
    """Compile the engine and keep the compiled code for later runs."""
    from caselight.inputs import say
    from features.compiled.cache import cache_folder
    from features.engine.warming import compile_engine

    say("compiling the engine; this takes up to a minute, once")
    compile_engine()
    if cache_folder() is None:
        print("the engine is compiled; no private folder can be written, so only in memory")
    else:
        print("the engine is compiled and kept for later runs")
