"""The generator: an OpenAPI description in, attrs models and async endpoint functions out.

Seven stages, each a module whose result can be printed and read::

    load -> merge -> patch -> lower (to ir) -> names -> emit -> write

It is a closed world: what a stage does not know, it refuses, with the file, the line and the JSON pointer.
Nothing is written unless everything was understood.
"""
